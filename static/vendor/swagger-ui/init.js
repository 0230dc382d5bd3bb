// Ours, not Swagger UI's (5.35.0, npm package swagger-ui-dist): starts it on /docs.
"use strict";

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
