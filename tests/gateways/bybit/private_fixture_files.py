"""Every file of the recorded bodies, by what it is to us."""

CONDITIONAL = {
    "ws_account_order_buy_stop_market.json",
    "ws_account_order_limit_if_touched.json",
    "ws_account_order_sell_market_if_touched.json",
    "ws_account_order_stop_limit.json",
    "ws_account_order_stop_market.json",
    "ws_account_order_take_profit.json",
}
"""Conditional orders, of which we send none: they are told as such."""

NOT_OURS = {
    "http_get_account_info.json",
    "http_get_fee_rate.json",
    "http_get_user_escrow_sub_members.json",
    "http_get_user_sub_apikeys.json",
    "http_get_user_sub_members.json",
    "http_post_user_update_master_api.json",
    "http_post_user_update_sub_api.json",
}
"""Settings of accounts, fees and keys: nothing that an order or a position depends on. Their envelope decodes."""

PUBLIC = {
    "http_get_funding_history.json",
    "http_get_instruments_inverse.json",
    "http_get_instruments_inverse_symbol_type.json",
    "http_get_instruments_linear.json",
    "http_get_instruments_option.json",
    "http_get_instruments_option_symbol_id.json",
    "http_get_instruments_spot.json",
    "http_get_instruments_spot_xstocks.json",
    "http_get_klines_linear.json",
    "http_get_orderbook.json",
    "http_get_trades_recent.json",
    "ws_orderbook_delta.json",
    "ws_orderbook_snapshot.json",
    "ws_public_trade.json",
}
"""Market data, which other tests read."""

PRIVATE = {
    "http_get_executions.json",
    "http_get_order_partially_filled_rejected.json",
    "http_get_orders_history.json",
    "http_get_orders_history_with_duplicate.json",
    "http_get_orders_realtime_tp_sl.json",
    "http_get_positions.json",
    "http_get_positions_with_open_time.json",
    "http_get_wallet_balance_with_spot_borrow.json",
    "ws_account_execution.json",
    "ws_account_execution_fast.json",
    "ws_account_order.json",
    "ws_account_order_filled.json",
    "ws_account_order_partially_filled_rejected.json",
    "ws_account_position_short.json",
    "ws_account_position_with_open_time.json",
    "ws_account_wallet.json",
    "ws_account_wallet_locked_exceeds_total.json",
    "ws_account_wallet_small_order.json",
    "ws_auth_failure.json",
    "ws_auth_success.json",
    "ws_order_response.json",
    "ws_subscription_ack.json",
    "ws_subscription_failure.json",
}
