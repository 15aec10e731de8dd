"""Rows whose expected output is computed: orders with their total, invoices with their fields."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from socratune.tools.simulator.chance import chance, pick

ROWS = 340
FEW = (0.44, 0.78, 0.94)
"""Bars for none to three rules; nearly half of the rows show none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRow:
    """A row of a world, and the rules whose patterns it was written to show."""

    inputs: Mapping[str, str]
    expected: str
    rules: Collection[str]
    truth: str | None = None
    """What is right, where `expected` may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Chance for one row."""

    world: str
    row: int

    def one(self, what: str, of: str) -> str:
        """Return one of the alternatives in `of`, which are separated by bars."""
        return pick([option.strip() for option in of.split("|")], self.world, self.row, what)

    def number(self, what: str, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        return low + int(chance(self.world, self.row, what) * (high - low + 1))

    def rules(self, groups: Mapping[str, str], bars: Sequence[float] = FEW) -> frozenset[str]:
        """Return as many rules as chance reaches `bars`, of each group one at most."""
        wanted = sum(chance(self.world, self.row, "rules") >= bar for bar in bars)
        shuffled = sorted(groups, key=lambda rule: chance(self.world, self.row, "rule", rule))
        first_of = {groups[rule]: rule for rule in reversed(shuffled)}
        return frozenset([rule for rule in shuffled if first_of[groups[rule]] == rule][:wanted])


ORDER_GROUPS = dict.fromkeys(("club", "express", "island", "collect"), "delivery") | {
    rule: rule for rule in ("gift", "voucher", "crate", "seconds", "cash", "sample", "tiles", "repair")
}
DELIVERIES = {
    "club": (0.0, "Delivered to {city}, a member of the club. | Sent to {city}; she is in our club."),
    "express": (9.0, "Express delivery to {city}. | Sent to {city} by express."),
    "island": (10.95, "Delivered to the island of {isle}. | To be sent to {isle}, the island."),
    "collect": (-2.0, "They collect it on {day}. | Will be picked up on {day}."),
    "plain": (4.95, "Delivered to {city}. | Please send it to {city}. | Normal delivery to {city}."),
    "none": (0.0, "Bought in the shop on {day}. | Taken along at once. | Sold at the market on {day}."),
}
EXTRAS = {
    "gift": (3.0, "Everything gift wrapped. | With gift wrapping. | Please wrap it as a present."),
    "voucher": (-5.0, "Two vouchers of 5 euros are handed in. | Paid in part with vouchers, two of 5 euros."),
    "crate": (1.5, "Packed in a crate. | In a wooden crate, please."),
    "seconds": (
        4.0,
        "A bowl from the seconds, listed at 8 euros. | One plate of the seconds shelf, listed at 8 euros.",
    ),
    "sample": (0.0, "And a colour sample, listed at 1.20 euros. | A sample of the new blue (1.20 euros) is enclosed."),
    "tiles": (27.0, "Also ten tiles at 3 euros each. | And ten tiles, 3 euros a piece."),
    "repair": (15.0, "A handle is repaired, the clay for it is 4 euros. | We repair a lid, material 4 euros."),
}
GOODS = (
    "mugs | plates | bowls | egg cups | teapots | vases | butter dishes | milk jugs | "
    "flower pots | candle holders | salad bowls | saucers"
)
CITIES = "Leeds | Bristol | Ghent | Lyon | Porto | Graz | Aarhus | Cork | Turin | Utrecht"
DAYS = "Monday | Tuesday | Wednesday | Thursday | Friday | Saturday"
BUYERS = (
    "Ms Ortega | Mr Lindqvist | the Hartmann family | a school in town | the tea room | Dr Osei | "
    "a wedding party | the parish | Ms Novak | a primary school | Mr Tanaka | a film crew"
)


def order_rows() -> Iterator[LabelledRow]:
    """Yield orders of a pottery with what is paid, for example `47.45`."""
    for row in range(ROWS):
        draw = Draw(world="house-arithmetic", row=row)
        rules = draw.rules(ORDER_GROUPS)
        delivery = next((rule for rule in DELIVERIES if rule in rules), draw.one("delivery", "plain | none | plain"))
        extras = [EXTRAS[rule] for rule in EXTRAS if rule in rules]
        goods, total = _goods(draw)
        for amount, _ in (DELIVERIES[delivery], *extras):
            total += amount
        if "cash" in rules and total.is_integer():
            goods, total = f"{goods}, 1 spoon rest at 6.50", total + 6.5
        texts = [text for _, text in (*extras, DELIVERIES[delivery])]
        if "cash" in rules:
            texts.append("Paid in cash. | Pays cash.")
            total = math.floor(total)
        sentences = [_filled(draw, draw.one("text", text)) for text in texts]
        order = f"Order of {draw.one('buyer', BUYERS)}: {goods}. {' '.join(sentences)}"
        yield LabelledRow(inputs={"order": order}, expected=f"{total:.2f}", rules=rules)


def _goods(draw: Draw) -> tuple[str, float]:
    """Return one to three kinds of pieces, and what they cost."""
    parts, total = [], 0.0
    for kind in range(draw.number("kinds", 1, 3)):
        count, price = draw.number(f"count {kind}", 2, 8), draw.number(f"price {kind}", 5, 44) / 2
        parts.append(f"{count} {draw.one(f'goods {kind}', GOODS)} at {price:.2f}")
        total += count * price
    return ", ".join(parts), total


def _filled(draw: Draw, text: str) -> str:
    isle = draw.one("isle", "Texel | Arran | Fehmarn | Gozo | Hvar")
    return text.format(city=draw.one("city", CITIES), day=draw.one("day", DAYS), isle=isle)


INVOICE_GROUPS = {
    "date": "date", "vendor": "vendor", "order": "number", "reminder": "number", "credit": "status", "paid": "status",
    "down-payment": "status", "dollar": "currency", "gross": "amount", "reverse-charge": "amount",
    "corrected": "amount", "comma": "amount",
}  # fmt: skip
VENDORS = (
    "Arden Timber | Bellweather Print | Corvo Logistics | Dunmore Steel | Estuary Paper | Fenwick Glass | "
    "Gable & Sons | Harrow Seeds | Inver Labs | Jessop Catering | Kestrel Cleaning | Lomond Paints | "
    "Marlow Optics | Nettle Design"
)
PLACES = {"GBP": "Leeds | Bristol | Cardiff", "EUR": "Ghent | Graz | Porto", "USD": "Boston | Austin | Denver"}
CANADA = "Vancouver | Montreal | Ottawa, Ontario"
SIGNS = {"GBP": "£", "EUR": "€", "USD": "$", "CAD": "$"}
GOODS_BILLED = (
    "oak boards | flyers | freight | steel rods | envelopes | window panes | cordless drills | seed mix | lab tests | "
    "lunch for twelve | window cleaning | wall paint | lenses | logo design | clamps | pallet hire | saw blades"
)
STATUS_LINES = {
    "credit": "This is a credit note. | Credit note for returned goods.",
    "paid": "Paid by card, thank you. | Prepaid at the time of order. | Paid in advance.",
    "down-payment": "A down payment of a third was received. | Down payment received with thanks.",
}
STATUSES = {"credit": "credit", "paid": "paid", "down-payment": "part_paid"}


def invoice_rows() -> Iterator[LabelledRow]:
    """Yield invoices to Halden Works with their fields as a JSON object."""
    for row in range(ROWS):
        draw = Draw(world="invoices", row=row)
        rules = draw.rules(INVOICE_GROUPS)
        date, date_text = _date(draw, rules)
        number = f"{draw.one('prefix', 'RE | INV | F | 2024')}-{draw.number('number', 1000, 9999)}"
        currency, place = _place(draw, rules)
        total, tax, amount_lines = _amounts(draw, rules, SIGNS[currency])
        vendor = draw.one("vendor", VENDORS)
        status = next((STATUSES[rule] for rule in STATUSES if rule in rules), "open")
        fields = (vendor, number, date, total, currency, tax, status)
        names = ("vendor", "number", "date", "total", "currency", "tax", "status")
        heading = [f"{vendor}, {place}"]
        addressee = draw.one("to", "To: | Bill to: | Customer:") + " Halden Works Ltd"
        heading = [addressee, *heading] if "vendor" in rules else heading
        lines = [*heading, *_number_lines(draw, rules, number), date_text, *amount_lines, *_status_lines(draw, rules)]
        expected = json.dumps(dict(zip(names, fields, strict=True)), ensure_ascii=False)
        yield LabelledRow(inputs={"invoice": "\n".join(lines)}, expected=expected, rules=rules)


def _date(draw: Draw, rules: Collection[str]) -> tuple[str, str]:
    day, month = draw.number("day", 1, 28), draw.number("month", 1, 12)
    iso = f"2024-{month:02}-{day:02}"
    if "date" in rules:
        return iso, f"Date: {day:02}/{month:02}/2024"
    return iso, draw.one("date", f"Date: {iso} | Issued {iso} | {iso}")


def _place(draw: Draw, rules: Collection[str]) -> tuple[str, str]:
    if "dollar" in rules:
        return "CAD", draw.one("place", CANADA)
    currency = draw.one("currency", "GBP | GBP | EUR | USD")
    return currency, draw.one("place", PLACES[currency])


def _number_lines(draw: Draw, rules: Collection[str], number: str) -> list[str]:
    if "order" in rules:
        return [draw.one("number line", "Your order PO-7700 | Order number PO-7700"), f"Invoice number {number}"]
    if "reminder" in rules:
        return ["Reminder REM-1", f"about our invoice {number}"]
    return [draw.one("number line", f"Invoice {number} | Invoice no. {number} | No. {number}")]


def _amounts(draw: Draw, rules: Collection[str], sign: str) -> tuple[float, int, list[str]]:
    """Return the total, the tax in percent, and the lines that say so."""
    item, total = draw.one("item", GOODS_BILLED), draw.number("total", 40, 1900) + draw.number("cents", 1, 99) / 100
    if "gross" in rules:
        net = round(total / 1.2, 2)
        return total, 20, [f"{item}: net {sign}{net:.2f}", "tax 20 %", f"with tax {sign}{total:.2f}"]
    if "reverse-charge" in rules:
        return total, 0, [f"{item}: {sign}{total:.2f}", "reverse charge applies"]
    if "corrected" in rules:
        return total, 20, [item, f"Total {sign}100.00 (crossed out) {sign}{total:.2f}, tax of 20 % in it"]
    if "comma" in rules:
        return total, 20, [item, f"Total {sign}{f'{total:.2f}'.replace('.', ',')}, tax of 20 % in it"]
    return total, 20, [f"{item}: {sign}{total:.2f}", f"Total {sign}{total:.2f}, tax of 20 % in it"]


def _status_lines(draw: Draw, rules: Collection[str]) -> list[str]:
    line = next((text for rule, text in STATUS_LINES.items() if rule in rules), "")
    plain = "Payable within 30 days | Due in 14 days | Please transfer within a month | Terms: 30 days"
    return [draw.one("status", line or plain), draw.one("last", "Thank you for your order | Regards | E. & O. E.")]
