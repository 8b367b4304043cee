#!/usr/bin/env node
/**
 * Prints a fresh key pair for Convex Auth as environment variables of a deployment:
 *
 *   node scripts/keys.mjs | npx convex env set
 *
 * `convex env set` refuses to replace other values: with new keys every device has to sign in again.
 */
import { generateKeyPairSync } from "node:crypto";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = privateKey.export({ type: "pkcs8", format: "pem" }).trimEnd().replaceAll("\n", " ");
const jwks = { keys: [{ use: "sig", ...publicKey.export({ format: "jwk" }) }] };

console.log(`JWT_PRIVATE_KEY="${pem}"`);
console.log(`JWKS='${JSON.stringify(jwks)}'`);
