"""The oracle of undoing: a model that remembers everything, and takes a run back by the rules of docs/profiles.md. Slow and obvious."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.oracle.one_row_at_a_time import Model, Person


@dataclass
class Version:
    """What a data model said of a person: since when, by which run, and who last said the same."""

    run: int
    at: int
    time: int
    attributes: dict[str, object]
    again: tuple[int, int, int] | None = None  # load timestamp, clock, run

    def newest(self) -> int:
        return self.time if self.again is None else self.again[0]


@dataclass
class Holding:
    """A person's hold on an identity."""

    person: int
    pair: tuple[str, str]
    run: int
    at: int
    written: int
    lost_at: int = 0


@dataclass
class UndoModel(Model):
    run: int = 0
    void: set[int] = field(default_factory=set)
    types: dict[int, set[str]] = field(default_factory=dict)
    maker: dict[int, int] = field(default_factory=dict)
    current: dict[tuple[int, str], Version] = field(default_factory=dict)
    past: dict[tuple[int, str], list[Version]] = field(default_factory=dict)
    held: list[Holding] = field(default_factory=list)
    lost: list[Holding] = field(default_factory=list)

    def chunk(self, run: int, rows: list[dict], data_model: str) -> list[int | None]:
        """Applies rows in order; of each person's rows the last one counts."""
        self.run = run
        placed, last = [], {}
        for row in rows:
            number = self.apply(row, data_model)
            placed.append(number)
            if number is not None:
                self.types.setdefault(run, set()).update(kind for kind, _ in self.identities(row))
                last[number] = (row, self.clock)
        for number, (row, clock) in last.items():
            self.merge((number, data_model), row["time"], row["attributes"], clock)
        return placed

    def attach(self, person: Person, asked: list[tuple[str, str]]) -> None:
        before = {p.number: set(p.pairs) for p in self.people.values()}
        super().attach(person, asked)
        now = self.clock + 1
        self.maker.setdefault(person.number, self.run)
        for other in self.people.values():
            for pair in before.get(other.number, set()) - set(other.pairs):
                [taken] = [h for h in self.held if (h.person, h.pair) == (other.number, pair)]
                self.held.remove(taken)
                self.lost.append(replace(taken, lost_at=now))
        for pair in asked:
            if pair not in person.pairs:
                continue
            known = [h for h in self.held if (h.person, h.pair) == (person.number, pair)]
            if known:
                known[0].written = now
            else:
                self.held.append(Holding(person.number, pair, self.run, now, now))

    def merge(self, place: tuple[int, str], time: int, attributes: dict[str, object], clock: int) -> None:
        known = self.current.get(place)
        if known is None:
            self.current[place] = Version(self.run, clock, time, attributes)
        elif known.newest() > time:
            pass
        elif known.attributes == attributes:
            if time > known.newest():
                known.again = (time, clock, self.run)
        else:
            if known.run != self.run or known.again is not None:
                self.past.setdefault(place, []).append(known)
            self.current[place] = Version(self.run, clock, time, attributes)

    def counts(self, version: Version) -> bool:
        return version.run not in self.void or (version.again is not None and version.again[2] not in self.void)

    def mended(self, version: Version) -> Version:
        """Who confirmed takes the credit of who lost it."""
        again = version.again if version.again is not None and version.again[2] not in self.void else None
        if version.run in self.void and again is not None:
            return replace(version, run=again[2], time=again[0], again=again)
        return replace(version, again=again)

    def undo(self, run: int) -> None:
        self.void.add(run)
        touched = self.take_back_versions(run)
        touched |= self.take_back_identities()
        for number in [n for n in self.people if self.maker[n] == run or (self.maker[n] in self.void and n in touched)]:
            if not self.people[number].pairs and not any(person == number for person, _ in self.current):
                del self.people[number]
                self.held = [h for h in self.held if h.person != number]

    def take_back_versions(self, run: int) -> set[int]:
        touched = set()
        for place, version in list(self.current.items()):
            if run not in {version.run, version.again and version.again[2]} and not self.set_by(version, run):
                continue
            touched.add(place[0])
            if self.counts(version):
                self.current[place] = self.mended(version)
                continue
            self.past.setdefault(place, []).append(version)
            before = [v for v in self.past[place] if self.counts(v)]
            if before:
                self.current[place] = self.mended(max(before, key=lambda v: v.at))
            else:
                del self.current[place]
        return touched

    def set_by(self, version: Version, run: int) -> bool:
        return version.run == run

    def take_back_identities(self) -> set[int]:
        gone = [h for h in self.held if h.run in self.void and not self.confirmed(h)]
        for holding in gone:
            self.held.remove(holding)
            self.lost.append(replace(holding, lost_at=0))
        self.show_pairs()
        returned = []
        for holding in gone:
            kind, _ = holding.pair
            if kind not in self.rules.unique or kind not in self.rules.priority:
                continue
            if any(h.pair == holding.pair for h in self.held):
                continue
            losers = [h for h in self.lost if h.pair == holding.pair and h.run not in self.void and self.can_have(h)]
            if losers:
                returned.append(max(losers, key=lambda h: h.lost_at))
        self.held += [replace(h, lost_at=0) for h in returned]
        self.show_pairs()
        return {h.person for h in gone}

    def can_have(self, holding: Holding) -> bool:
        kind, _ = holding.pair
        person = self.people.get(holding.person)
        return person is not None and not (kind in self.rules.immutable and person.values(kind))

    def confirmed(self, holding: Holding) -> bool:
        kind, _ = holding.pair
        for run, at in self.evidence(holding.person):
            if run in self.void or at <= holding.at or kind not in self.types.get(run, ()):
                continue
            everything = [h for h in (*self.held, *self.lost) if h.person == holding.person and h.pair[0] == kind]
            if not any(h.run == run and h.pair != holding.pair for h in everything):
                return True
        return False

    def evidence(self, number: int) -> list[tuple[int, int]]:
        """Runs that set or confirmed something on a person, and when."""
        found = [(h.run, h.at) for h in self.held if h.person == number]
        versions = [v for place, v in self.current.items() if place[0] == number]
        versions += [v for place, past in self.past.items() if place[0] == number for v in past]
        for version in versions:
            found.append((version.run, version.at))
            if version.again is not None:
                found.append((version.again[2], version.again[1]))
        return found

    def show_pairs(self) -> None:
        for person in self.people.values():
            mine = sorted((h for h in self.held if h.person == person.number), key=lambda h: h.written)
            person.pairs = [h.pair for h in mine]
