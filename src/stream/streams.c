/* SPDX-License-Identifier: MIT */
/* All streams of a shard. */
#include "stream/stream.h"

#include "core/domain.h"
#include "stream/internal.h"

#include <stdlib.h>

unsigned
streams_count(void)
{
	return stream_here()->count;
}

struct stream *
stream_next(const struct stream *before)
{
	struct list *streams = &stream_here()->streams;
	struct list *next = before != NULL ? before->place.next : streams->next;

	return next == streams ? NULL : LIST_ITEM(next, struct stream, place);
}

void
streams_end(struct stream *stream)
{
	const char *other_host = stream_here()->other_host;

	if (other_host != NULL)
		stream_close(stream, STREAM_SEE_OTHER_HOST, other_host);
	else
		stream_close(stream, STREAM_SYSTEM_SHUTDOWN, NULL);
}

void
streams_shutdown(const char *other_host)
{
	struct stream_here *here = stream_here();
	struct stream *stream;

	here->leaving = true;
	free(here->other_host);
	here->other_host = copy_text(other_host);
	LIST_EACH (&here->streams, stream, struct stream, place)
		streams_end(stream);
}

void
streams_host_gone(const struct domain *domain)
{
	struct stream *stream;

	LIST_EACH (&stream_here()->streams, stream, struct stream, place) {
		if (stream->domain != domain)
			continue;
		stream_close(stream, STREAM_HOST_GONE, "this domain is no longer served");
		stream->domain = NULL;
		stream->log.parent = &log_root;
	}
}

void
streams_numbers(struct stream_numbers *numbers)
{
	struct stream_here *here = stream_here();

	*numbers = (struct stream_numbers) {
		.streams = here->count,
		.bound = here->bound,
		.accepted = here->accepted,
		.logins = here->logins,
		.failed_logins = here->failures,
	};
}
