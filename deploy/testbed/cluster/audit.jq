# What scripts ask of the audit log of an API server.

# Whether an account of a namespace that begins so made the request. Those of curl and kubectl are of the tests themselves.
def is_of($prefixes):
    (.user.username | split(":")) as $name
    | $name[1] == "serviceaccount" and any($prefixes[]; . as $prefix | $name[2] | startswith($prefix))
    and (.userAgent // "" | test("^(curl|kubectl)/") | not);
