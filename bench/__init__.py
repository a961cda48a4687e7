"""The figures of the project, one file each: `python -m bench.NAME [--json] [--quick]`.

Every figure stands beside a reference that is measured in the same run, so that it can be compared across machines.
"""
