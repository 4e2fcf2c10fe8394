"""Of two who make the same at once, one succeeds and the other is told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from rest_framework.test import APIClient

from accounts.handling import handle
from probes.models import Service
from tests.kpis.factories import make_scorecard
from tests.locks import until_it_waits
from tests.probes.factories import make_service


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("place", "body", "make"),
    [
        ("services/", {"slug": "race", "name": "Race", "base_url": "http://race.example"}, make_service),
        ("scorecards/", {"slug": "race", "name": "Race"}, make_scorecard),
    ],
)
def test_who_looked_before_the_other_had_written_is_told(
    people: Any, place: str, body: dict[str, str], make: Callable[..., Any]
) -> None:
    def send() -> int:
        client = APIClient()
        client.force_authenticate(people.administrator)
        try:
            return int(client.post(f"/api/v1/{place}", body, format="json").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            row = make(slug="race")
            sent = pool.submit(send)
            until_it_waits(sent)
        assert sent.result(timeout=10) == 409
    assert list(type(row).objects.values_list("pk", flat=True)) == [row.pk]


def fault(make: Callable[[], Any]) -> IntegrityError:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        make()
    return caught.value


@pytest.mark.databases
@pytest.mark.django_db
def test_a_row_that_is_there_already_is_told_and_another_fault_is_ours() -> None:
    make_service(slug="race")
    twice, broken = fault(lambda: make_service(slug="race")), fault(lambda: Service.objects.create(slug="x", name=None))
    told = handle(twice, {})
    assert told is not None
    assert (told.status_code, told.data["type"]) == (409, "urn:milepost:problem:conflict")
    assert handle(broken, {}) is None
