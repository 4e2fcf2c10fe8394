from datetime import UTC, datetime, timedelta

import pytest

from probes.kinds import cache, memory, queries
from probes.metrics.scrape import Scrape, Unreadable, read, remembered
from probes.metrics.window import NoWindow, Replicas, Restarted, window

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXT = """
# TYPE db_client_operation_duration_seconds histogram
db_client_operation_duration_seconds_bucket{{le="+Inf"}} {count}
db_client_operation_duration_seconds_count {count}
db_client_operation_duration_seconds_sum {sum}
# TYPE db_client_connection_count gauge
db_client_connection_count{{state="used"}} 3
db_client_connection_count{{state="idle"}} 7
# TYPE cache_requests counter
cache_requests_total{{cache_name="users",result="hit"}} {hits}
cache_requests_total{{cache_name="users",result="miss"}} {misses}
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 2e8
# TYPE process_cpu_seconds counter
process_cpu_seconds_total {cpu}
# TYPE process_start_time_seconds gauge
process_start_time_seconds {start}
"""


def scrape(after_s: float = 0, *, without: str = "", **values: float) -> Scrape:
    text = TEXT.format(**({"count": 0, "sum": 0, "hits": 0, "misses": 0, "cpu": 0, "start": 1000} | values))
    lines = [line for line in text.splitlines() if not without or without not in line]
    return read("\n".join(lines) + "\n", "text/plain; version=0.0.4", NOW + timedelta(seconds=after_s))


def test_averages_are_growth_over_growth() -> None:
    since = window(scrape(count=100, sum=50), scrape(10, count=140, sum=51))
    told = {one.metric: one for one in queries.told(since.after, since, set()).readings}
    assert told["db_query_time"].value == pytest.approx(25)
    assert (told["db_query_time"].unit, told["db_query_time"].count) == ("ms", 40)
    assert told["db_connections"].value == 3


def test_hit_rate_and_process_figures() -> None:
    since = window(scrape(hits=10, misses=10), scrape(10, hits=100, misses=20, cpu=4.2))
    [rate] = cache.told(since.after, since).readings
    assert (rate.value, rate.count) == (0.9, 100)
    told = {one.metric: one.value for one in memory.told(since.after, since).readings}
    assert told == {"resident_memory": 2e8, "cpu": pytest.approx(0.42), "restarts": 0}


def test_nothing_counted_is_no_data_neither_0_nor_100() -> None:
    since = window(scrape(hits=5, misses=5, count=7, sum=1), scrape(10, hits=5, misses=5, count=7, sum=1))
    assert cache.told(since.after, since) == cache.Told([], ["no look-up in the window"])
    told = queries.told(since.after, since, set())
    assert "no statement in the window" in told.missing
    assert [one.metric for one in told.readings] == ["db_connections"]


@pytest.mark.parametrize(
    ("without", "reason"), [('"miss"', "no misses"), ('"hit"', "no hits"), ("cache_requests", "no cache look-ups")]
)
def test_half_a_counter_tells_no_rate(without: str, reason: str) -> None:
    since = window(scrape(without=without), scrape(10, hits=50, misses=50, without=without))
    told = cache.told(since.after, since)
    assert (told.readings, len(told.missing)) == ([], 1)
    assert reason in told.missing[0]


def test_series_that_appears_counts_from_zero() -> None:
    since = window(scrape(without='"miss"'), scrape(10, hits=30, misses=10))
    assert cache.told(since.after, since).readings[0].value == 0.75


@pytest.mark.parametrize("after", [{"start": 2000.0}, {"count": 5.0}])
def test_restart_makes_the_window_invalid(after: dict[str, float]) -> None:
    with pytest.raises(Restarted):
        window(scrape(count=10), scrape(10, **({"count": 20} | after)))


def test_instances_behind_one_address_give_themselves_away() -> None:
    with pytest.raises(Replicas):
        window(scrape(start=2000), scrape(10, start=1000))
    with pytest.raises(Replicas):
        window(scrape(start=1000), scrape(10, start=2000), earlier_starts=[2000.0])


def test_first_scrape_and_old_scrape_make_no_window() -> None:
    with pytest.raises(NoWindow, match="no window yet"):
        window(None, scrape())
    with pytest.raises(NoWindow, match="too old"):
        window(scrape(), scrape(3601))


def test_several_workers_hide_the_process() -> None:
    told = memory.told(scrape(without="process_"), None)
    assert told.readings == []
    assert "no process metrics" in told.missing[0]


def test_scrape_is_remembered_as_it_was() -> None:
    one = scrape(hits=3, count=9, sum=0.5)
    again = remembered(one.to_memory())
    assert again == one
    assert remembered({"at": "nonsense", "samples": [[1]]}) is None


@pytest.mark.parametrize("text", ["", "{", "a b c d\n", "<html>no</html>\n", 'x{y="z} 1\n'])
def test_what_is_no_metrics_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text, "text/plain", NOW)


def test_too_many_series_are_refused() -> None:
    lines = "".join(f'cache_requests_total{{cache_name="{n}",result="hit"}} 1\n' for n in range(2001))
    with pytest.raises(Unreadable, match="too many label values"):
        read("# TYPE cache_requests counter\n" + lines, "text/plain", NOW)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\n" * 150_001, "lines of metrics"),
        ("a" * 4_001 + " 1\n", "longer than 4,000"),
        ('a{b="' + "\\\\" * 51 + '"} 1\n', "cannot be read"),
        ("".join(f'cache_requests_total{{n="{n}"}} 1\n' for n in range(20_001)), "too many label values"),
        ("# only remarks\n", "without a single figure"),
        ("root:x:0:0\n", "^the metrics cannot be read$"),
        ("cache_requests_total secret\n", "^the metrics cannot be read$"),
    ],
)
def test_too_much_and_too_odd_a_text_is_refused_and_never_quoted(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(text, "text/plain", NOW)


def test_what_is_not_finite_and_what_is_not_needed_is_left_out() -> None:
    text = 'process_resident_memory_bytes NaN\ncache_hits_total 3 1700000000000\nother{a="\\\\"} 1\n{"dotted.name", a="b"} 2\n'
    assert read(text, "text/plain", NOW).samples == {("cache_hits_total", ()): 3.0}
