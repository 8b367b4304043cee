/** Checks tokens of Convex Auth as the backend does, by the deployment's own public key. */
import { createLocalJWKSet, jwtVerify } from "jose";
import { makeKeys } from "../../../assets/convex/scripts/keys.mjs";

export class AuthError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const EXPIRED =
  "Could not verify OIDC token claim. " +
  "Check that the token signature is valid and the token hasn't expired.";

export class Tokens {
  /** A key pair for this deployment, made as the README says, where Convex Auth looks for it. */
  static create(siteUrl) {
    const keys = makeKeys();
    Object.assign(process.env, keys, { CONVEX_SITE_URL: siteUrl });
    return new Tokens(siteUrl, createLocalJWKSet(JSON.parse(keys.JWKS)));
  }

  constructor(issuer, keys) {
    this.issuer = issuer;
    this.keys = keys;
  }

  /** The identity that an Authorization header gives; null without one. Throws AuthError. */
  async identify(header) {
    if (header === undefined) return null;
    if (header.length < 7)
      throw new AuthError(400, "InvalidHeaderFailure", "Malformed Authorization.");
    const [, scheme, token] = /^(\S+)\s+(.*)$/.exec(header) ?? [];
    if (scheme?.toLowerCase() === "convex") {
      throw new AuthError(401, "BadAdminKey", "The provided admin key was invalid.");
    }
    if (scheme?.toLowerCase() !== "bearer") {
      throw new AuthError(400, "InvalidAdminKey", "The Authorization header has no known scheme.");
    }
    if (token.split(".").length !== 3) {
      throw new AuthError(401, "InvalidAuthHeader", "Could not parse as a JWT.");
    }
    try {
      const { payload } = await jwtVerify(token, this.keys, {
        issuer: this.issuer,
        audience: "convex",
        currentDate: new Date(),
      });
      return { subject: payload.sub, issuer: payload.iss };
    } catch {
      throw new AuthError(401, "Unauthenticated", EXPIRED);
    }
  }
}
