"""Where everything is mounted."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

import accounts.urls
import accounts.views
import kpis.urls
import probes.urls
import roadmap.urls
from accounts.problems import not_found
from config.health import healthz, readyz
from config.metrics import metrics

admin.site.site_header = admin.site.site_title = "Milepost"
admin.site.index_title = "Administration"
admin.site.login = accounts.views.admin_login  # type: ignore[method-assign]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.failed"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/v1/", include((accounts.urls.api_urlpatterns, "accounts-api"))),
    path("api/v1/", include((kpis.urls.api_urlpatterns, "kpis-api"))),
    path("api/v1/", include((probes.urls.api_urlpatterns, "probes-api"))),
    path("api/v1/", include((roadmap.urls.api_urlpatterns, "roadmap-api"))),
    re_path(r"^api/", csrf_exempt(login_not_required(not_found))),
    path("admin/", admin.site.urls),
    path("", include("roadmap.urls")),
    path("", include("accounts.urls")),
    path("", include("kpis.urls")),
    path("", include("probes.urls")),
]
