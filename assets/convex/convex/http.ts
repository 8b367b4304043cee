/** /.well-known/openid-configuration and jwks.json: by them Convex checks Convex Auth's tokens. */
import { httpRouter } from "convex/server";
import { auth } from "./auth";

const http = httpRouter();
auth.addHttpRoutes(http);

export default http;
