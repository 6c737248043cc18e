"""Compare what caches and this machine's store have as the outputs of one derivation.

    look up by the key of the derivation, then of the action ─▶ claims ─▶ each against the first ─▶ fetch what differs, compare

A cache is asked as for a build. What it states is shown whoever signed it; an object that differs is fetched as in a
pull, checked against its digest, into a scratch directory, and never becomes an object or a result of the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from derivations.proof.compare import Background
from derivations.realise.plan import known_outputs
from derivations.realise.proof.again import MOST, Compared, options_of
from derivations.realise.proof.trees import compare_trees
from store.caches.errors import CacheError, CacheUnreachable
from store.caches.fetch import Fetching
from store.errors import Error
from store.osutil.space import disk_full_reported
from store.signing.trusted import Purpose, Untrusted


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from derivations.derivation import Derivation
    from store.caches.cache import Cache
    from store.caches.result import Result
    from store.local import Store
    from store.path import StorePath


HERE = "this machine"

_TIMES, _MORE = 4, 64 << 20
"""An object is compared if it has at most so many times the bytes of the first one, and some more."""

_UNTRUSTED = 2 << 30  # bytes of a first object that nobody trusted signed


class Differs(Error):
    """Caches, or a cache and this machine, have different results of one derivation."""

    exit_code: ClassVar[int] = 104

    name: str
    outputs: tuple[str, ...]

    def __str__(self) -> str:
        return f"the results of {self.name} differ: {', '.join(self.outputs)}"


class NothingToCompare(Error):
    """Fewer than two have a result."""

    name: str
    count: int

    def __str__(self) -> str:
        who = "only one has" if self.count else "neither a cache nor this machine has"
        return f"nothing to compare: {who} a result of {self.name}"

    @property
    def hint(self) -> str:
        """Say how to get another one."""
        return f"`kernix build --check {self.name}` builds it again here, and compares"


@attrs.frozen(kw_only=True)
class Claim:
    """What a cache or this machine has as one output.

    Attributes:
        who: The name of the cache, or `HERE`.
        output: The output.
        path: The object; None if there is none.
        digest: The digest of its content.
        signed_by: The names of the keys that signed it.
        distrust: Why no signature is believed; None if one is, or none is needed.
        problem: What went wrong with looking it up, or with fetching the object.
        cache: The cache.
    """

    who: str
    output: str
    path: StorePath | None = None
    digest: bytes | None = None
    signed_by: tuple[str, ...] = ()
    distrust: str | None = None
    problem: str | None = None
    cache: Cache | None = attrs.field(default=None, repr=False)

    def agrees(self, other: Claim) -> bool:
        """Return whether both have the same."""
        return (self.path, self.digest) == (other.path, other.digest)


@attrs.frozen(kw_only=True)
class Challenged:
    """One output: what everybody has, the first that is compared with, and how the others differ from that.

    Attributes:
        output: The output.
        claims: This machine's, then those of the caches in their order.
        compared: The differing objects that could be fetched, each compared with the first claim that has an object.
    """

    output: str
    claims: tuple[Claim, ...]
    compared: tuple[Compared, ...] = ()

    @property
    def first(self) -> Claim | None:
        """Return the claim that others are compared with."""
        return next(iter(self.stated), None)

    @property
    def stated(self) -> tuple[Claim, ...]:
        """Return the claims that name an object: this machine's, then trusted ones, then the others."""
        return tuple(sorted((it for it in self.claims if it.path is not None), key=_rank))

    @property
    def differing(self) -> tuple[Claim, ...]:
        """Return the claims that differ from the first."""
        first = self.first
        return () if first is None else tuple(it for it in self.stated if not it.agrees(first))


def challenge(store: Store, derivation: Derivation, caches: Sequence[Cache]) -> list[Challenged]:
    """Return what *store* and *caches* have as each output of *derivation*, and how it differs.

    Raises:
        DiskFull: there is no room for an object that differs.
    """
    here = known_outputs([derivation.output(it) for it in derivation.outputs], store.realised)
    valid = store.hold(here.values())
    present = {output.name: path for output, path in here.items() if path in valid}
    keys = [derivation.key, *_action_key(store, derivation)]
    found = []
    for output in derivation.outputs:
        path = present.get(output)
        digest = store.info(path).digest if path is not None else None
        claims = [Claim(who=HERE, output=output, path=path, digest=digest)]
        claims += [_claim(cache, keys, output) for cache in caches]
        found.append(_compared(store, Challenged(output=output, claims=tuple(claims)), present))
    return found


def _rank(claim: Claim) -> int:
    return 0 if claim.who == HERE else 1 if claim.distrust is None else 2


def _action_key(store: Store, derivation: Derivation) -> list[bytes]:
    """Return the key of the action, if all inputs are here."""
    inputs = known_outputs(derivation.inputs, store.realised)
    infos = store.infos(inputs.values())
    if any(it not in inputs or inputs[it] not in infos for it in derivation.inputs):
        return []
    return [derivation.action_key(lambda output: infos[inputs[output]].digest)]


def _claim(cache: Cache, keys: Iterable[bytes], output: str) -> Claim:
    """Return what *cache* has as *output* of the first of *keys* that it knows."""
    claim = Claim(who=cache.name, output=output, cache=cache)
    try:
        result = next((it for key in keys if (it := cache.stated_result(key, output)) is not None), None)
    except CacheError as error:
        return attrs.evolve(claim, problem=str(error))
    if result is None:
        return claim
    return attrs.evolve(
        claim,
        path=result.path,
        digest=result.digest,
        signed_by=tuple(dict.fromkeys(it.key for it in result.signatures)),
        distrust=_distrust(cache, result),
    )


def _distrust(cache: Cache, result: Result) -> str | None:
    try:
        cache.trust.check(result.message, result.signatures, Purpose.RESULTS)
    except Untrusted as error:
        return "; ".join(error.reasons)
    return None


def _compared(store: Store, challenged: Challenged, present: Mapping[str, StorePath]) -> Challenged:
    """Fetch the objects that differ, each once, and compare them with the first."""
    first = challenged.first
    if first is None or first.path is None or not challenged.differing:
        return challenged
    problems: dict[Claim, str] = {}
    with store.scratch() as scratch, disk_full_reported(store.layout.home):
        fetch = _Fetcher(store, scratch, problems)
        compared = tuple(_fetched(store, fetch, challenged, first.path, options_of(store, present)))
    claims = tuple(attrs.evolve(it, problem=problems.get(it, it.problem)) for it in challenged.claims)
    return attrs.evolve(challenged, claims=claims, compared=compared)


def _fetched(
    store: Store, fetch: _Fetcher, challenged: Challenged, path: StorePath, options: frozenset[str]
) -> Iterator[Compared]:
    """Yield how the objects that can be fetched differ from that of the first claim, *path*."""
    left: Path | None
    if challenged.claims[0].path == path:
        left, most = store.path(path), _TIMES * store.info(path).size + _MORE
    else:
        first = challenged.stated[0]
        left, most = fetch(first, _UNTRUSTED if first.distrust else None)
    seen: set[StorePath] = set()
    for claim in challenged.differing:
        if left is None or claim.path is None or claim.path in seen:
            continue
        right, _ = fetch(claim, most)
        if right is None:
            continue
        seen.add(claim.path)
        differences = list(compare_trees(left, right, Background(options=options)))
        yield Compared(
            output=claim.output,
            result=path,
            equal=False,
            other=claim.path,
            differences=tuple(differences[:MOST]),
            total=len(differences),
        )


@attrs.frozen
class _Fetcher:
    """Fetches objects into *scratch*; why one could not be fetched goes to *problems*."""

    store: Store
    scratch: Path
    problems: dict[Claim, str]

    def __call__(self, claim: Claim, most: int | None) -> tuple[Path | None, int]:
        """Return where the object of *claim* is, and how large one may be that is compared with it.

        The place is None if the object cannot be had, or has more than *most* bytes.
        """
        if claim.path is None or claim.cache is None:
            return None, 0
        try:
            info = claim.cache.stated_info(claim.path)
            if info is None:
                self.problems[claim] = "the cache does not have the object"
            elif info.digest != claim.digest:
                self.problems[claim] = "its result and its info name different digests"
            elif most is not None and info.size > most:
                self.problems[claim] = f"the object is too large to be compared: it has {info.size} bytes"
            else:
                place = self.scratch / str(len(list(self.scratch.iterdir())))
                place.mkdir()
                return Fetching(self.store).fetch(claim.cache, info, place).place, _TIMES * info.size + _MORE
        except CacheError as error:
            if isinstance(error, CacheUnreachable):
                claim.cache.give_up(error)
            self.problems[claim] = str(error)
        return None, 0


def conclude(name: str, found: Sequence[Challenged]) -> str:
    """Return that all agree, in a sentence.

    Raises:
        Differs: they do not.
        NothingToCompare: no output has two claims.
    """
    if differing := tuple(it.output for it in found if it.differing):
        raise Differs(name, differing)
    most = max((len(it.stated) for it in found), default=0)
    if most < 2:  # noqa: PLR2004 -- two sides
        raise NothingToCompare(name, most)
    return f"all agree on {name}: {most} have the same"


def place_of(found: Sequence[Challenged], here: Callable[[StorePath], object]) -> Callable[[StorePath], object]:
    """Return a function that says where an object is: *here*, or in which cache."""
    owners = {it.path: it.who for each in found for it in reversed(each.claims) if it.path is not None}

    def place(path: StorePath) -> object:
        who = owners.get(path, HERE)
        return here(path) if who == HERE else f"{path} in the cache {who}"

    return place
