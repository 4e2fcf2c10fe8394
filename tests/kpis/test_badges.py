import pytest
from django.test import Client

from tests.kpis.factories import make_kpi, make_scorecard

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("public", "status"), [(True, 200), (False, 404)])
def test_strangers_see_public_badges_only(public: bool, status: int) -> None:
    make_kpi("p95", scorecard=make_scorecard("shop"), name="p95 <&>", public_badge=public)
    answer = Client().get("/badges/kpi/shop/p95.svg")
    assert answer.status_code == status
    if public:
        assert answer["Content-Type"] == "image/svg+xml"
        assert [part in answer.content for part in (b"no data", b"#6b7280", b"p95 &lt;&amp;&gt;")] == [True] * 3


def test_unknown_badge() -> None:
    assert Client().get("/badges/kpi/shop/nope.svg").status_code == 404
