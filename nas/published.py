"""Published facts beside exact costs: at the paper's clip and classes, by the paper's way of counting."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from nas.cost import cost, stage_costs
from nas.facts import Published
from nas.genotype import Genotype

# the classes of a data set, for which a paper's costs are counted whatever a file's own `classes`
CLASSES = {"Kinetics-400": 400, "Something-Something V1": 174, "Something-Something V2": 174, "Sports1M": 487}


class Compared(NamedTuple):
    """One printed figure, and the exact one in the same unit."""

    name: str  # gflops, mparams, mweights or ginteractions
    printed: float
    ours: float

    @property
    def digits(self) -> int:
        """How many decimals were printed (zeros at the end are not on record, beyond the first)."""
        return -Decimal(str(self.printed)).as_tuple().exponent

    @property
    def agrees(self) -> bool:
        """Whether ours rounds to the printed figure (a half may go either way)."""
        return abs(self.ours - self.printed) <= 0.5 * 10**-self.digits + 1e-9

    def __str__(self) -> str:
        """As printed; where ours is another figure, that one and the difference in brackets.

        >>> str(Compared("gflops", 107.89, 111.153)), str(Compared("gflops", 10.6, 10.578))
        ('107.89 (111.15, +3.0 %)', '10.6')
        """
        written = f"{self.printed:.{self.digits}f}"
        more = f" ({self.ours:.{self.digits}f}, {100 * (self.ours / self.printed - 1):+.1f} %)"
        return written if self.agrees else written + more


def compare(genotype: Genotype, fact: Published) -> Iterator[Compared]:
    """Each figure that was printed, beside what the network costs where it was printed."""
    network = where(genotype, fact)
    counted = cost(network)
    ours = {
        "gflops": gmacs_by_ct_net(network) if fact.counted == "ct-net" else counted.macs / 1e9,
        "mparams": counted.params / 1e6,
        "mweights": counted.weights / 1e6,
        "ginteractions": counted.interactions / 1e9,
    }
    for name, value in ours.items():
        if (printed := getattr(fact, name)) is not None:
            yield Compared(name, printed, value)


def where(genotype: Genotype, fact: Published) -> Genotype:
    """The network with the clip and the classes of a fact, as far as it tells them."""
    told = {"frames": fact.frames, "size": fact.size}
    clip = genotype.input.model_copy(update={name: value for name, value in told.items() if value})
    classes = CLASSES.get(fact.dataset, genotype.classes)
    return genotype.model_copy(update={"input": clip, "classes": classes})


def gmacs_by_ct_net(genotype: Genotype) -> float:
    """10^9 operations as the CT-Net paper counts them.

    Multiply-accumulates, 2 for each element that passes a batch norm, and 65 for each output (channels x frames) of
    the average over positions at the end. Nearly all GFLOPs of the paper are met so, and
    multiply-accumulates alone are 0.5 to 0.9 % fewer.
    """
    counted = cost(genotype)
    (_, _, (channels, frames, _, _)) = stage_costs(genotype)[-2]
    return (counted.macs + 2 * counted.norm_elements + 65 * channels * frames) / 1e9


def alike(one: object, other: object) -> bool:
    """Whether two data set names mean the same: letters and digits alone count.

    >>> alike("Kinetics-400", "kinetics400"), alike("Kinetics-400", "Kinetics-600")
    (True, False)
    """
    plain = ["".join(filter(str.isalnum, str(name).casefold())) for name in (one, other)]
    return plain[0] == plain[1]
