"""All campaigns that ``make crash`` knows, and the figures that none of them measures."""

from __future__ import annotations

from typing import Final

from tests.crash import (
    backup,
    calendar_properties,
    disk_full,
    kill_points,
    kill_random,
    leaks,
    pause,
    poison,
    power,
    scheduler_race,
    stop,
    takeover,
    upgrade,
    warehouse_faults,
)
from tests.crash.report import Campaign
from tests.simulation import campaign as simulation

CAMPAIGNS: Final = (
    Campaign(
        "R1",
        "kill-points",
        "The service, or the child of its fetch, is killed at a named commit point; its next life finishes what was begun. The files of "
        "the home are then those of a home where nobody died, and its profiles those of the one-row-at-a-time oracle.",
        25 * len(kill_points.POINTS),
        kill_points.campaign,
    ),
    Campaign(
        "R1",
        "kill-random",
        "The service, or the child of its fetch, is killed at a random moment while three pipelines run, again and again. No row is lost, "
        "twice or unexpected; intervals tile; counts equal a recount (R16); profiles are those of the model; comparisons with the "
        "warehouse find nothing; no run is stuck.",
        1_000,
        kill_random.campaign,
    ),
    Campaign(
        "R2",
        "pause",
        "A holder is paused beyond its lease, at a random moment of its dealings with the profile store, while another takes its run over; "
        "or the child of its fetch is stopped for three leases. No row is applied twice; the holder stops when it goes on; the child's "
        "holder keeps its run.",
        100,
        pause.campaign,
    ),
    Campaign(
        "R3",
        "scheduler-race",
        "One of 10,000 due intervals of 100 pipelines, over which eight schedulers race, each a process on the one control database: it is "
        "run once, by one holder, and touches the one before it. Five races.",
        50_000,
        scheduler_race.campaign,
    ),
    Campaign(
        "R7",
        "every-call",
        "A play as of R12, on the real stores, in which nothing goes wrong but one call of a store: the first, then the second, until all "
        "of them have. It fails with nothing done, or is done and says that it failed. All that R12 promises holds.",
        1_000,
        simulation.every_call,
    ),
    Campaign(
        "R9",
        "disk-full",
        "The disk of home, spool and log is full before a run or from some moment of it on: the run fails with `spool_full` or a store's "
        "code, or, if not even that can be written, is settled once there is room; the service lives and answers reads; the files are "
        "whole; the same run then succeeds, nothing is lost or twice.",
        200,
        disk_full.campaign,
    ),
    Campaign(
        "R10",
        "power-order",
        "No power is cut, but the system calls of a run are watched (needs strace): files of a spool are synced before it is sealed, files "
        "before they get their names, folders after; what is answered or counted was synced before.",
        5,
        power.campaign,
    ),
    Campaign(
        "R13",
        "calendar",
        "An example of each property of grids, planning and load timestamps: intervals tile, through every change of schedule and offset; "
        "month ends clamp and return; planning twice is planning once, and an earlier now never yields more; every time of a zone lies in "
        "exactly one interval, in the folds and gaps of daylight-saving time, too.",
        10_000,
        calendar_properties.campaign,
    ),
    Campaign(
        "R20",
        "leaks",
        "The service is started and stopped in one process, and executes as many runs in one life: at most 2 descriptors and no thread "
        "more than at first, no spool and no scratch file left.",
        50,
        leaks.campaign,
    ),
    Campaign(
        "R21",
        "stop",
        "SIGTERM at a random moment of a run: the service is gone within 10 s, its run put back within 5 s; the next life finishes it, "
        "without its warehouse if all rows were fetched. Nothing is lost or twice.",
        200,
        stop.campaign,
    ),
    Campaign(
        "R22",
        "upgrade",
        "A home of an earlier version, with a run in flight and its spool sealed, is started by this version, which is killed once on "
        "the way (but in the first trial): the run finishes without its warehouse, nothing is lost or twice.",
        50,
        upgrade.campaign,
    ),
    Campaign(
        "R24",
        "takeover",
        "The child of a fetch is silent for ten leases: the run stays with its holder. Or its holder dies: another has the run within two "
        "leases. Nothing is lost or twice.",
        200,
        takeover.campaign,
    ),
    Campaign(
        "R25",
        "poison",
        "A run during which the service dies is tried three times, then fails with `worker_died`; the run beside or behind it proceeds.",
        20,
        poison.campaign,
    ),
    Campaign(
        "R27",
        "backup",
        "A backup is taken while the service applies a run, restored beside it, and served: the run ends there, too, the next one follows, "
        "nothing is lost or twice, and profiles are those of the one-row-at-a-time oracle.",
        20,
        backup.campaign,
    ),
    Campaign(
        "R12",
        "simulation",
        "A play of 20 to 60 ticks on a virtual clock: one to five processes, killed, stopped and held at the boundaries of transactions; "
        "stores that fail or say so after their commit; damaged spools; a warehouse that drops, stalls and lies; clocks that are set "
        "(R11); people who edit, trigger, cancel and delete (R26); pipelines that look back, repair late rows (R23), or go on behind "
        "failed intervals. Then calm: intervals tile, no run is stuck, moves are legal, what runs applied is what their intervals held and "
        "what the run before had not read, counts equal a recount (R16), profiles those of the one-row-at-a-time oracle. The profile store "
        "is a model in memory that passes the store's conformance suite.",
        20_000,
        simulation.on_memory,
    ),
    Campaign(
        "R12",
        "simulation-duckdb",
        "The same on the real profile store.",
        1_000,
        simulation.on_duckdb,
    ),
    Campaign(
        "R6",
        "warehouse-faults",
        "One of 13 faults at one of 25 moments of a conversation with Snowflake's wire: the failed attempt changes no profile and is seen "
        "within its timeout + 5 s; the next one equals the oracle.",
        len(warehouse_faults.EVERYWHERE),
        warehouse_faults.campaign,
    ),
)

ELSEWHERE: Final = (
    ("R8", "the control database goes away and comes back", "not measured: it is a file in the home"),
    (
        "R14",
        "resolving a run equals taking its rows one at a time",
        "`tests/property/`, every change; `make prop` runs 10,000 workloads of each strategy: "
        "[no difference](identities.md#how-a-chunk-is-resolved-step-by-step)",
    ),
    (
        "R15",
        "random sequences of API requests equal a model",
        "`tests/api/test_api_machine.py`, every change; `make fuzz` runs more",
    ),
    ("R17", "40 million rows in bounded memory", "[benchmarks](benchmarks.md)"),
    ("R18", "rows per second", "[benchmarks](benchmarks.md)"),
    ("R19", "the API stays fast beside a run", "[benchmarks](benchmarks.md#look-ups)"),
)
