"""What schemathesis cannot know of by itself: a message is sent as it is."""

import schemathesis


@schemathesis.serializer("message/rfc822")
def message(_context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
