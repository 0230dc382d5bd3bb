"""`GET /docs`: Swagger UI from our own files, for our Content-Security-Policy allows no others."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API · IPViT Lab</title>
<link rel="icon" href="/static/images/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css">
<script src="/static/vendor/swagger-ui/swagger-ui-bundle.js" defer></script>
<script src="/static/vendor/swagger-ui/init.js" defer></script>
</head>
<body>
<main id="swagger-ui">The API, described at <a href="/openapi.json">/openapi.json</a>.</main>
</body>
</html>
"""


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Show the API."""
    return HTMLResponse(PAGE)
