import type { AuthConfig } from "convex/server";

/**
 * Whose tokens are taken: those of Convex Auth, which this deployment signs itself. For devices
 * that bring a token of an OIDC issuer add `{ domain, applicationID }` of that issuer.
 */
export default {
  providers: [{ domain: process.env.CONVEX_SITE_URL as string, applicationID: "convex" }],
} satisfies AuthConfig;
