#!/usr/bin/env node
/**
 * Prints a fresh key pair for Convex Auth as environment variables of a deployment:
 *
 *   node scripts/keys.mjs | npx convex env set
 *
 * `convex env set` refuses to replace other values: with new keys every device has to sign in anew.
 */
import { generateKeyPairSync } from "node:crypto";
import { fileURLToPath } from "node:url";

/** JWT_PRIVATE_KEY on one line, as Convex Auth takes it, and JWKS. */
export function makeKeys() {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  const jwks = { keys: [{ use: "sig", ...publicKey.export({ format: "jwk" }) }] };
  return {
    JWT_PRIVATE_KEY: pem.trimEnd().replaceAll("\n", " "),
    JWKS: JSON.stringify(jwks),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const keys = makeKeys();
  console.log(`JWT_PRIVATE_KEY="${keys.JWT_PRIVATE_KEY}"`);
  console.log(`JWKS='${keys.JWKS}'`);
}
