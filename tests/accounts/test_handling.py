"""Of several who make the same at once, one succeeds and the others are told."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("place", "body"),
    [
        ("services/", {"slug": "race", "name": "Race", "base_url": "http://race.example"}),
        ("scorecards/", {"name": "Race", "slug": "race"}),
    ],
)
def test_a_race_has_one_winner_and_no_fault(people: Any, place: str, body: dict[str, str]) -> None:
    found: list[int] = []
    together = threading.Barrier(6)

    def send() -> None:
        client = APIClient()
        client.force_authenticate(people.administrator)
        together.wait()
        found.append(client.post(f"/api/v1/{place}", body, format="json").status_code)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(201) == 1
    assert set(found) <= {201, 400, 409, 422}
