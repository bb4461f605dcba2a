import pytest

from nas.data.mirror import mirroring, resolve
from nas.errors import NasError


@pytest.mark.parametrize(
    "name",
    [
        *("left", "turn right", "Turn_Left", "TurnLeft", "HTMLLeft", "move-right", "RIGHT hand", "all right"),
        *("moving leftwards", "rightward", "leftmost one", "spin clockwise", "counter-clockwise", "CounterClockwise"),
        *("anticlockwise", "spin_counter_clockwise", "left2", "Pushing [something] from left to right"),
    ],
)
def test_words_that_tell_left_from_right(name):
    assert mirroring([name, "jump"]).directed == (name,)


@pytest.mark.parametrize(
    "name", ["bright", "leftover", "upright", "copyright", "cleft", "clock", "Éleft", "leftist", ""]
)
def test_words_that_do_not(name):
    assert mirroring([name, "jump"]) == mirroring(["run", "jump"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Pushing something from left to right", "Pushing something from right to left"),
        ("turn_left", "turn_right"),
        ("TurnLeft", "TurnRight"),
        ("turn left", "TurnRight"),
        ("clockwise", "counter-clockwise"),
        ("spin anticlockwise", "spin clockwise"),
        ("left hand clockwise", "right hand anti-clockwise"),
        ("move leftward", "move rightward"),
    ],
)
def test_classes_whose_names_differ_by_the_words_are_partners(one, other):
    for classes in (["a", one, "b", other], ["a", other, "b", one]):
        mirror = mirroring(classes)
        assert mirror.swap == (0, 3, 2, 1) and mirror.directed == (classes[1], classes[3]) and not mirror.alone


def test_the_names_of_something_something():
    classes = [
        f"{verb} [something] from {way}"
        for verb in ("Pulling", "Pushing")
        for way in ("left to right", "right to left")
    ]
    assert mirroring(["Holding", *classes]).swap == (0, 2, 1, 4, 3)


def test_a_class_without_partner_is_alone():
    mirror = mirroring(["turn left", "jump", "left hand", "right hand"])
    assert mirror.swap is None and mirror.alone == ("turn left",) and len(mirror.directed) == 3


def test_two_classes_of_one_name_have_no_partner():
    assert mirroring(["turn left", "Turn_Left", "turn right"]).alone == ("turn right",)


def test_pairs_come_before_names():
    classes = ["left foot", "right foot", "kick", "throw"]
    assert mirroring(classes, [("kick", "throw")]).swap == (1, 0, 3, 2)
    assert mirroring(classes, [("left foot", "kick")]).alone == ("right foot",)
    assert mirroring(["all right", "jump"], [("all right", "all right")]) == mirroring(["run", "jump"])


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([("kick", "thrw")], "data.mirrored: 'thrw' is no class; did you mean 'throw'?"),
        ([("thrw", "kick")], "data.mirrored: 'thrw' is no class"),
        ([("kick", "throw"), ("throw", "jump")], "data.mirrored: 'throw' is in two pairs"),
        ([("kick", "kick"), ("throw", "kick")], "data.mirrored: 'kick' is in two pairs"),
    ],
)
def test_wrong_pairs_are_told(pairs, told):
    with pytest.raises(NasError) as error:
        mirroring(["kick", "throw", "jump"], pairs)
    assert str(error.value).startswith(told)


def test_auto_mirrors_unless_that_changes_a_label():
    assert resolve("auto", mirroring(["run", "jump"])) == (True, None, "")
    on, swap, note = resolve("auto", mirroring(["run", "turn left", "turn right"]))
    assert not on and swap is None and "label of 2 classes, such as 'turn left'" in note and "flip: swap" in note
    assert "swap" not in resolve("auto", mirroring(["run", "turn left"]))[2]


def test_on_mirrors_even_then_and_off_never():
    directed = mirroring(["run", "turn left"])
    on, swap, note = resolve("always", directed)
    assert on and swap is None and "such as 'turn left'" in note
    assert resolve("never", directed) == resolve("never", mirroring(["run"])) == (False, None, "")


def test_swap_exchanges_labels_or_names_the_class_that_has_no_partner():
    assert resolve("swap", mirroring(["run", "turn left", "turn right"])) == (True, (0, 2, 1), "")
    assert resolve("swap", mirroring(["run", "jump"])) == (True, None, "")
    with pytest.raises(NasError, match=r"^study.yaml:3: flip = swap, but .* 'turn left'; .*data.mirrored"):
        resolve("swap", mirroring(["run", "turn left"]), "study.yaml:3")
