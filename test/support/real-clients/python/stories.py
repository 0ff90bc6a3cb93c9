"""Stories of a KMIP client: each is told once, as a line of JSON, and the first that goes wrong is the last."""

import json
import sys
import traceback


def tell_all(stories):
    """`stories`: pairs of a name and a function without arguments."""
    for name, tell in stories:
        error = None
        try:
            tell()
        except Exception:
            error = traceback.format_exc()
        print(json.dumps({'story': name, 'error': error}, separators=(',', ':')), flush=True)
        if error is not None:
            sys.exit(1)


def story_methods(stories):
    """Pairs of a title and the name of a method, for the methods of the class that begin with story_."""
    return [(name[len('story_'):].replace('_', ' '), name) for name in stories.__dict__ if name.startswith('story_')]


def equal(value, expected):
    if value != expected:
        raise AssertionError('%r, not %r' % (value, expected))


def refused(call, *args, **options):
    try:
        call(*args, **options)
    except Exception as refusal:
        return str(refusal)
    raise AssertionError('%s was not refused' % getattr(call, '__name__', call))
