from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from kpis.models import KPI
from tests.roadmap.factories import load_source

pytestmark = pytest.mark.django_db


def test_overdue_reviews_of_kpis_need_somebody(as_viewer: Client) -> None:
    load_source()
    first, second = KPI.objects.order_by("pk")[:2]
    today = timezone.now().date()
    KPI.objects.filter(pk=first.pk).update(review_rule="FREQ=YEARLY", review_from=today - timedelta(days=3))
    KPI.objects.filter(pk=second.pk).update(review_rule="FREQ=YEARLY", review_from=today)
    told = as_viewer.get("/").content.decode()
    assert f"Review of {first.name} is overdue" in told
    assert "three days" in told
    assert f"Review of {second.name} is overdue" not in told
