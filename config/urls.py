"""Where everything is mounted."""

from django.contrib import admin
from django.urls import include, path

import accounts.urls
import kpis.urls
import probes.urls
import roadmap.urls

urlpatterns = [
    path("", include("roadmap.urls")),
    path("", include("accounts.urls")),
    path("", include("kpis.urls")),
    path("", include("probes.urls")),
    path("api/v1/", include((accounts.urls.api_urlpatterns, "accounts-api"))),
    path("api/v1/", include((kpis.urls.api_urlpatterns, "kpis-api"))),
    path("api/v1/", include((probes.urls.api_urlpatterns, "probes-api"))),
    path("api/v1/", include((roadmap.urls.api_urlpatterns, "roadmap-api"))),
    path("admin/", admin.site.urls),
]
