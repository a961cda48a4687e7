from gateways.alerts import TOLD_AGAIN_NS, WAITING_MAX, Alerts
from messages.from_child import StrategyAlerted


class Supervisor:
    def __init__(self) -> None:
        self.is_there = True
        self.heard: list[StrategyAlerted] = []

    def tell(self, alert: StrategyAlerted) -> bool:
        if self.is_there:
            self.heard.append(alert)
        return self.is_there


def test_an_alert_waits_for_a_supervisor_that_is_not_there() -> None:
    supervisor = Supervisor()
    alerts = Alerts("sim", supervisor.tell, lambda: 7)
    alerts.add("one")
    supervisor.is_there = False
    alerts.add("two")
    alerts.flush()
    assert supervisor.heard == [StrategyAlerted("sim", "one", 7)]
    supervisor.is_there = True
    alerts.add("three")
    assert [alert.text for alert in supervisor.heard] == ["one", "two", "three"]


def test_of_too_many_the_newest_are_kept() -> None:
    supervisor = Supervisor()
    supervisor.is_there = False
    alerts = Alerts("sim", supervisor.tell, lambda: 7)
    for number in range(WAITING_MAX + 5):
        alerts.add(str(number))
    supervisor.is_there = True
    alerts.flush()
    assert [alert.text for alert in supervisor.heard] == [str(number) for number in range(5, WAITING_MAX + 5)]


def test_what_was_told_just_before_the_supervisor_came_back_is_told_again_and_older_words_are_not() -> None:
    told: list[str] = []
    now_ns = [0]

    def tell(alert: StrategyAlerted) -> bool:
        told.append(alert.text)
        return True

    alerts = Alerts("sim", tell, lambda: now_ns[0])
    alerts.add("old")
    now_ns[0] = TOLD_AGAIN_NS + 1
    alerts.add("young")
    alerts.tell_again()
    assert told == ["old", "young", "young"]
