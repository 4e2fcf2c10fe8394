"""Rules written beside each other."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest
from django.db import connection

from kpis import rules
from kpis.models import Rule
from tests.factories import People
from tests.kpis.factories import make_kpi


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("of_kpi", [True, False])
def test_of_rules_alike_made_at_the_same_moment_one_is_kept(people: People, of_kpi: bool) -> None:
    kpi = make_kpi()
    about = {"kpi": kpi} if of_kpi else {"scorecard": kpi.scorecard}
    together, refused = Barrier(4), []

    def make() -> None:
        try:
            connection.ensure_connection()
            together.wait(timeout=10)
            rules.create(fields={"kind": "stale", **about}, actor=people.engineer)
        except rules.BadRule as bad:
            refused.append(list(bad.errors))
        finally:
            connection.close()

    threads = [Thread(target=make) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=20)
    assert (Rule.objects.count(), refused) == (1, [["kpi" if of_kpi else "scorecard"]] * 3)
