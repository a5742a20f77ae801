"""Counters for operators (Prometheus text format). Labels are route patterns and words of ours, never a path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Measures:
    """One set per application, so that several can live in one process."""

    def __init__(self, *, set_aside: Callable[[], int], seals: Mapping[str, int]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "songda_http_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "songda_http_seconds", "Time to answer", ("route",), buckets=BUCKETS, registry=self.registry
        )
        self.callbacks = Counter(
            "songda_callbacks", "Providers' callbacks, kept or refused", ("channel", "what"), registry=self.registry
        )
        aside = Gauge(
            "songda_deliveries_set_aside",
            "Deliveries whose history cannot be read, as the worker of this process met them",
            registry=self.registry,
        )
        aside.set_function(set_aside)
        self.registry.register(_Seals(seals))

        self.timestamp_gap = Gauge(
            "songda_timestamp_gap_seconds",
            "How long a timestamp has been wanted that no authority gives",
            registry=self.registry,
        )

        self.ledger_size = Gauge("songda_ledger_size", "Events that are in the ledger", registry=self.registry)
        self.ledger_signed = Gauge(
            "songda_ledger_signed_size", "Events under the newest signed checkpoint", registry=self.registry
        )
        self.ledger_behind = Gauge(
            "songda_ledger_seconds_behind",
            "Age of the oldest event that is not in the ledger yet",
            registry=self.registry,
        )

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _Seals(Collector):
    """Counts kept elsewhere, read when they are asked for."""

    def __init__(self, made: Mapping[str, int]) -> None:
        self._made = made

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily("songda_seals", "Seals made by this process, by who wrote them", labels=["path"])
        for path, number in self._made.items():
            family.add_metric([path], number)
        yield family


def measuring(measures: Measures, now: Callable[[], float]) -> Middleware:
    """The middleware that counts. `now`: a monotonic clock, in seconds."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = now()
        response = await handler(request)
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "-"
        measures.requests.labels(_method(request), route, str(response.status)).inc()
        measures.seconds.labels(route).observe(now() - began)
        return response

    return middleware


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


def _method(request: web.Request) -> str:
    """Callers may invent methods; each label value is kept for ever."""
    return request.method if request.method in _METHODS else "other"
