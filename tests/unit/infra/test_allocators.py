from tidegate_infra.allocators import VARIABLES, missing


def test_what_somebody_has_set_stays() -> None:
    lacking = missing({"MALLOC_ARENA_MAX": "8"})
    assert lacking.keys() == VARIABLES.keys() - {"MALLOC_ARENA_MAX"}
