"""Rows whose expected output is a sum: a plain part, and what each rule of the house adds to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from socratune.evals.written_rows import ROWS, Draw, LabelledRow

FEW = (0.5, 0.82, 0.95)
"""Bars for none to three rules; half of the rows show none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """Something in a row for which there is a rule."""

    adds: float
    texts: str
    """Ways to say it, separated by bars."""
    group: str = ""
    """Of those in the same group a row has one at most; none but itself when empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """How the rows of one world are put together."""

    world: str
    column: str
    extras: Mapping[str, Extra]
    plain: Callable[[Draw], tuple[str, float]]
    """Writes what needs no rule, and returns what it costs."""
    bars: Sequence[float] = FEW
    side: Callable[[Draw], str] = lambda _: ""
    """Returns how the ids of the rules begin that may show in a row."""

    def rows(self) -> Iterator[LabelledRow]:
        """Yield the rows with their sums, for example `47.45`."""
        for row in range(ROWS):
            draw = Draw(world=self.world, row=row)
            side = self.side(draw)
            near = {rule: extra.group or rule for rule, extra in self.extras.items() if rule.startswith(side)}
            rules = draw.rules(near, self.bars)
            text, total = self.plain(draw)
            told = [draw.one(rule, self.extras[rule].texts) for rule in self.extras if rule in rules]
            total += sum(self.extras[rule].adds for rule in rules)
            yield LabelledRow(inputs={self.column: " ".join([text, *told])}, expected=f"{total:.2f}", rules=rules)


def _parcel(draw: Draw) -> tuple[str, float]:
    kilograms = draw.number("weight", 2, 29)
    what = draw.one("what", "Books | A lamp | Garden tools | Two coats | Tinned fruit | A kettle | Tiles | A chess set")
    town = draw.one("town", "Leeds | Ghent | Porto | Graz | Aarhus | Turin | Lyon | Cork | Utrecht | Bergen")
    sender = draw.one("sender", "Ms Ahlers | Mr Duarte | the museum | a school | Ms Kowal | the choir | Mr Brandt")
    return f"{what} from {sender} to {town}, {kilograms} kg.", 5.0 + kilograms


POSTAGE = Tariff(
    world="prerequisite",
    column="parcel",
    plain=_parcel,
    extras={
        "volume": Extra(adds=5, group="weight", texts="Volume weight 5 kg more. | By volume it weighs 5 kg more."),
        "heavy": Extra(adds=8, group="weight", texts="Its billed weight is a heavy one. | Heavy by billed weight."),
        "zone": Extra(adds=6, group="zone", texts="Sent on to Malta. | Goes on to Cyprus. | Sent on to Iceland."),
        "return": Extra(adds=-4, group="zone", texts="It is a zone C return. | Comes back as a return in zone C."),
        "customs": Extra(adds=1, group="zone", texts="With a customs form. | A customs form is needed."),
        "fragile": Extra(adds=2, texts="Fragile. | Marked as fragile."),
        "signature": Extra(adds=1.5, texts="Against signature. | To be signed for."),
        "evening": Extra(adds=3, texts="Delivery after six. | To be brought in the evening."),
        "box": Extra(adds=2.5, texts="In one of our boxes. | Packed into a box of ours."),
        "neighbour": Extra(adds=-1, texts="A neighbour may take it. | May be left with a neighbour."),
    },
)


def _trip(draw: Draw) -> tuple[str, float]:
    fare, nights = draw.number("fare", 20, 95) + 0.5, draw.number("nights", 1, 3)
    town = draw.one("town", "Bremen | Lille | Basel | Malmö | Parma | Bergen | Delft | Linz | Girona | Bath")
    who = draw.one("who", "Ms Rahman | Mr Ek | Dr Sola | Ms Petit | Mr Moss | Ms Aydin | Dr Wolff | Mr Costa")
    why = draw.one("why", "a fair | a visit to a client | a course | a hearing | a repair | a meeting")
    bed = draw.number("bed", 70, 130)
    return f"{who}, {town}, {why}: train {fare:.2f}, {nights} nights at {bed}.00 each.", fare + nights * bed


EXPENSES = Tariff(
    world="long",
    column="report",
    plain=_trip,
    bars=(0.34, 0.42, 0.51, 0.60, 0.70, 0.80, 0.90),
    extras={
        "breakfast": Extra(adds=-5, texts="A breakfast is on the hotel bill. | The hotel bill has a breakfast in it."),
        "first-class": Extra(adds=-10, texts="The ticket is first class. | He or she went first class."),
        "car": Extra(adds=6, texts="Own car to the station. | To the station in the own car."),
        "meals": Extra(adds=14, texts="One full day away. | Away for a full day in between."),
        "taxi": Extra(adds=20, texts="A taxi for 28.00. | Taxi, 28.00."),
        "tips": Extra(adds=0, texts="Tips of 4.00. | 4.00 in tips."),
        "parking": Extra(adds=6, texts="Parking, 12.00. | 12.00 for parking."),
        "guest": Extra(adds=25, texts="A guest at dinner, 40.00. | Dinner with a guest for 40.00."),
        "phone": Extra(adds=3, texts="Phone calls, 7.50. | 7.50 for phone calls."),
        "late": Extra(adds=-8, texts="Handed in late. | The report came late."),
        "private": Extra(adds=-30, texts="A private day was added. | With a private day at the end."),
    },
)


def _recipe(draw: Draw) -> tuple[str, float]:
    water, spoons = 50 * draw.number("water", 2, 18), draw.number("spoons", 1, 6)
    dish = draw.one("dish", "Leek soup | Rice | Fish stew | Custard | Plum sauce | Lentils | Punch | Porridge | Gravy")
    cook = draw.one("cook", "Ada | Bruno | Cleo | Dario | Elsa | Femi | Greta | Hugo | Ines | Jori")
    oil = draw.one("oil", "oil | vinegar | lemon juice | cream | soy sauce | plum brandy")
    return f"{_kitchen(draw).capitalize()} kitchen, {cook}: {dish}. {water} ml water, {spoons} spoons of {oil}.", (
        water + 15 * spoons
    )


def _kitchen(draw: Draw) -> str:
    return draw.one("kitchen", "north | south")


MEASURES = {
    "ladle": (250, 150, "One ladle of broth. | A ladle of stock."),
    "cup": (200, 240, "One cup of milk. | A cup of apple juice."),
    "jug": (1000, 700, "One jug of tea. | A jug of cider."),
    "bowl": (400, 600, "One bowl of yoghurt. | A bowl of buttermilk."),
}
RECIPES = Tariff(
    world="regions",
    column="recipe",
    plain=_recipe,
    side=_kitchen,
    extras={
        f"{kitchen}-{measure}": Extra(adds=amounts[at], texts=texts)
        for measure, (*amounts, texts) in MEASURES.items()
        for at, kitchen in enumerate(("north", "south"))
    },
)
