"""The user's latency table (workflow.md), row by row, from the moments at which processes write and read their sockets.

socket_clock.so is preloaded into front end, coordinator and signers and notes every send and every receive on
CLOCK_MONOTONIC, which they share. One call is made at a time, so that what lies within it belongs to it; its messages
are told from others by their sizes."""
import bisect
import struct

import live
from figures import Table, percentile
from servers.tier import Tier


class Recording:
    """What one process sent (bytes > 0) and received (< 0), by time in ns."""

    def __init__(self, path):
        entries = [entry for entry in struct.iter_unpack('=qq', path.read_bytes()) if entry[0]]
        self.entries = sorted(entries)
        self.times = [at for at, _ in self.entries]

    def within(self, begin, end):
        return self.entries[bisect.bisect_left(self.times, begin):bisect.bisect_right(self.times, end)]


def of_signer(recording, begin, end, request, replies):
    """When it had read this request and when it wrote its answer; nothing if it had no part in it."""
    entries = recording.within(begin, end)
    for i, (at, size) in enumerate(entries):
        if size == -request:
            for later, sent in entries[i + 1:]:
                if sent in replies:
                    return at, later
    return None


def fan_out_of(entries, threshold):
    """First and last moment of a fan-out: T equal writes and then T reads. Nothing if anything else lies in between."""
    sends = [(at, size) for at, size in entries if size > 0]
    reads = [(at, size) for at, size in entries if size < 0]
    if len(sends) != threshold or len(reads) != threshold or len({size for _, size in sends}) != 1 or reads[0][0] < sends[-1][0]:
        return None
    return sends[0][0], reads[-1][0], sends[0][1], {-size for _, size in reads}


def split(begin, took, front_end, coordinator, signers, threshold):
    """The five rows of one call, in ns; nothing if something else happened on the way."""
    end = begin + took
    outer = front_end.within(begin, end)
    if coordinator is None:
        inner, arrived, left = outer, None, end
    else:
        inner = coordinator.within(begin, end)
        asked = [at for at, size in outer if size > 0]
        if len(asked) != 1 or len(inner) < 3 or inner[0][1] > 0:
            return None
        arrived, inner = inner[0][0], inner[1:]
        # It tells the front end which presignature it takes, and later the signature: neither is part of the fan-out.
        size = max(set(s for _, s in inner if s > 0), key=[s for _, s in inner].count)
        told = [at for at, s in inner if s > 0 and s != size]
        if not told:
            return None
        left = told[-1]
        inner = [(at, s) for at, s in inner if s < 0 or s == size]
    found = fan_out_of(inner, threshold)
    if not found:
        return None
    first, last, request, replies = found
    parts = [part for part in (of_signer(signer, begin, end, request, replies) for signer in signers) if part]
    if len(parts) != threshold:
        return None
    partial = max(done - read for read, done in parts)
    dispatch = (first if arrived is None else arrived) - begin
    before = 0 if arrived is None else first - arrived
    return dispatch, before + (last - first) - partial, partial, left - last, end - left


ROWS = ['FE to COORD: dispatch', 'COORD to signers and back: fan-out', 'partial compute (the slowest signer)', 'aggregate and verify', 'COORD to FE: return']


def calls(site, made, name, provider, with_coordinator):
    directory = site.scratch(f'clock-{name}')
    clock = {'LD_PRELOAD': str(site.build / 'test/bench/socket_clock.so'), 'SOCKET_CLOCK': str(directory)}
    tier, coordinator = None, None
    try:
        if with_coordinator:
            tier = Tier(made, 1, clock)
            provider = tier.provider_json
            coordinator = directory / str(tier.processes[1].pid)
        found = live.run(site, 'sign_calls', *live.sign_options(made, provider, name, 1 if with_coordinator else None),
                         '--no-floor', '--blocks', 3, '--block', 60 if site.quick else 300, '--rate', 100, '--signers', *live.pids(made), env=clock)
    finally:
        if tier:
            tier.stop()
    return found, directory, coordinator


def latency_table(site):
    columns, missing = {}, {}
    directory = site.scratch('clock-signers')
    env = {'LD_PRELOAD': str(site.build / 'test/bench/socket_clock.so'), 'SOCKET_CLOCK': str(directory)}
    with live.cluster(site, env=env) as made:
        runs = [('direct', *calls(site, made, 'direct', made.provider_json, False)), ('tier', *calls(site, made, 'tier', None, True))]
        signers = [Recording(directory / str(pid)) for pid in live.pids(made)]
    for name, found, where, coordinator in runs:
        front_end = next(path for path in where.iterdir() if path != coordinator)
        fe, coord = Recording(front_end), Recording(coordinator) if coordinator else None
        rows, total, count = [], [], 0
        for begun, init, took in zip(*(sum(found[key], []) for key in ('begun_ns', 'init', 'sign'))):
            count += 1
            parts = split(int(begun + init * 1e3), int(took * 1e3), fe, coord, signers, made.threshold)
            if parts:
                rows.append(parts)
                total.append(took)
        if len(rows) < count / 4:
            raise RuntimeError(f'{name}: only {len(rows)} of {count} calls can be told apart')
        columns[name] = [[part / 1e3 for part in column] for column in zip(*rows)] + [total]
        missing[name] = count - len(rows)
    table = [[row, *(percentile(columns[name][i], p) for name in ('direct', 'tier') for p in (50, 99))] for i, row in enumerate([*ROWS, 'sign call'])]
    budget = [300, 500, 1500, 700, 300, 3300]
    table = [[*row, allowed] for row, allowed in zip(table, budget)]
    note = (
        'The latency table is taken at 100 calls a second, pools filled, from when each process wrote and read its sockets (socket_clock.cpp; every row '
        'ends where the next begins). Dispatch: from the call to the first byte handed to the kernel (direct), or to when coordinatord had read the request '
        '(tier). Fan-out: from there until the last answer was read, without the slowest signer. Partial: from request read to answer written '
        'in that signer, TLS, policy and audit line included. Aggregate and verify: from there to the end of the call (direct; the return is part of '
        f'it), or to when coordinatord wrote the signature (tier). Left out, as they needed a lease first or a refill or status message lay within: '
        f"{missing['direct']} calls (direct), {missing['tier']} (tier). The budget's row for partial compute has no network in it, and neither has ours.")
    return Table('Latency budget, microseconds', ['', 'direct p50', 'direct p99', 'tier p50', 'tier p99', 'budget'], table), note
