"""The oracle: identity resolution and merge, one row at a time, as the specification's pseudo-code reads. Shares no code with the product.

Types are named by their columns. Slow and obvious on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PRIORITY = [
    *("customer_id", "mobile_number", "email", "other", "facebook", "google", "twitter", "microsoft", "yahoo"),
    *("ios_advertising_id", "ios_idfv", "android_advertising_id", "android_uuid", "roku_advertising_id"),
    *("roku_publisher_id", "microsoft_publisher_id", "microsoft_advertising_id", "mp_deviceid"),
]


@dataclass
class Rules:
    strategy: str = "default"
    priority: list[str] = field(default_factory=lambda: list(PRIORITY))
    unique: set[str] = field(default_factory=lambda: {"customer_id"})
    login: set[str] = field(default_factory=lambda: {"customer_id"})
    immutable: set[str] = field(default_factory=set)
    conflict_guard: bool = True


@dataclass
class Person:
    number: int
    pairs: list[tuple[str, str]] = field(default_factory=list)  # in the order of the last write
    seen: int = 0
    rows: dict[str, tuple[int, dict[str, object]]] = field(default_factory=dict)  # data model → (time, attributes)

    def values(self, kind: str) -> set[str]:
        return {value for t, value in self.pairs if t == kind}


@dataclass
class Model:
    rules: Rules
    people: dict[int, Person] = field(default_factory=dict)
    clock: int = 0
    conflicts: int = 0
    made: int = 0
    known_before_run: int = 0

    def begin_run(self) -> None:
        """An MPID in a run's rows must name a person that existed before the run."""
        self.known_before_run = self.made

    def normal(self, kind: str, value: str) -> str:
        return value.strip().lower() if kind == "email" else value.strip()

    def identities(self, row: dict[str, object]) -> list[tuple[str, str]]:
        found = []
        for kind, value in row["identities"].items():
            if value is not None and value.strip():
                found.append((kind, self.normal(kind, value)))
        return found

    def refused(self, person: Person, asked: list[tuple[str, str]]) -> bool:
        rules = self.rules
        look_up = [pair for pair in person.pairs if pair[0] in rules.priority]
        request = [pair for pair in asked if pair[0] in rules.priority]
        immutable = [pair for pair in look_up if pair[0] in rules.immutable]
        login = [pair for pair in look_up if pair[0] in rules.login]
        if immutable and not set(immutable) & set(request):
            return True
        if login and not set(login) & set(request):
            return True
        asks_login = any(kind in rules.login for kind, _ in request)
        if rules.strategy in ("profile_link", "profile_isolation") and asks_login and not set(login) & set(request):
            return True
        if not rules.conflict_guard:
            return False
        top = min(rules.priority.index(kind) for kind, _ in set(look_up) & set(request))
        above = [pair for pair in request if rules.priority.index(pair[0]) < top]
        guarded = [pair for pair in above if pair[0] in rules.login and pair[0] in rules.unique]
        return any(person.values(kind) and value not in person.values(kind) for kind, value in guarded)

    def place(self, pair: tuple[str, str]) -> int:
        return self.rules.priority.index(pair[0])

    def resolve(self, asked: list[tuple[str, str]]) -> Person | None:
        candidates: list[Person] | None = None
        conflict = False
        for pair in sorted((p for p in asked if p[0] in self.rules.priority), key=self.place):
            holders = [person for person in self.people.values() if pair in person.pairs]
            matches = [person for person in holders if not self.refused(person, asked)]
            conflict = conflict or len(matches) < len(holders)
            if candidates is None:
                candidates = matches or None
            elif any(person in matches for person in candidates):
                candidates = [person for person in candidates if person in matches]
        self.conflicts += conflict
        if candidates is None:
            return None
        return max(candidates, key=lambda person: (person.seen, -person.number))

    def attach(self, person: Person, asked: list[tuple[str, str]]) -> None:
        for pair in asked:
            kind, value = pair
            if kind in self.rules.immutable and person.values(kind) and value not in person.values(kind):
                continue
            if pair in person.pairs:
                person.pairs.remove(pair)
            person.pairs.append(pair)
            if kind in self.rules.unique and kind in self.rules.priority:
                for other in self.people.values():
                    if other is not person and pair in other.pairs:
                        other.pairs.remove(pair)

    def apply(self, row: dict[str, object], data_model: str = "m") -> int | None:
        """Returns the number of the person, or None for a rejected row."""
        asked = self.identities(row)
        direct = row.get("direct")
        if direct is not None and (direct > self.known_before_run or direct not in self.people):
            return None
        if direct is None and not any(kind in self.rules.priority for kind, _ in asked):
            return None
        person = self.people[direct] if direct is not None else self.resolve(asked)
        if person is None:
            self.made += 1  # no number is given twice
            person = Person(self.made)
            self.people[person.number] = person
        self.attach(person, asked)
        self.clock += 1
        person.seen = self.clock
        known = person.rows.get(data_model)
        if known is None or known[0] <= row["time"]:
            person.rows[data_model] = (row["time"], row["attributes"])
        return person.number

    def current_identities(self, number: int) -> dict[str, str]:
        return dict(self.people[number].pairs)  # the last one written of each type stays
