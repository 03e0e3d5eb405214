/* SPDX-License-Identifier: MIT */
#include "main/ask.h"

#include "base/text.h"
#include "main/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (1u << 30)

enum reached
ask_connect(int *fd, const char *folder, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int folder_fd, why;
	char *path;

	path = admin_path(folder, &folder_fd, err);
	if (path == NULL)
		return errno == EACCES ? UNREACHABLE : NOBODY_THERE;
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	free(path);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	why = *fd < 0 || connect(*fd, (struct sockaddr *)&address, sizeof address) != 0 ? errno : 0;
	close(folder_fd);
	if (why == 0)
		return REACHED;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	err_fail(err, ERR_SYSTEM, "could not speak to the server at \"%s/admin.sock\": %s%s",
		 folder, strerror(why),
		 why == EACCES ? " (only root and the server's own user may)" : "");
	return why == ENOENT || why == ECONNREFUSED ? NOBODY_THERE : UNREACHABLE;
}

static bool
say(int fd, const char *bytes, size_t length, struct err *err)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return err_fail(err, ERR_SYSTEM, "the server went away: %s",
					strerror(errno));
		bytes += sent;
		length -= (size_t)sent;
	}
	return true;
}

static bool
hear(int fd, struct text *line, struct err *err)
{
	while (line->length == 0 || line->bytes[line->length - 1] != '\n') {
		char *room = text_reserve(line, 65536);
		ssize_t count = recv(fd, room, 65536, 0);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return err_fail(err, ERR_SYSTEM, "the server went away: %s",
					strerror(errno));
		if (count == 0)
			return err_fail(err, ERR_DOWN, "the server went away without an answer");
		line->length += (size_t)count;
		line->bytes[line->length] = '\0';
		if (line->length > ANSWER_MAX)
			return err_fail(err, ERR_LIMIT, "the server's answer is too long");
	}
	return true;
}

json_t *
ask(int fd, const struct command *command, const json_t *arguments, struct err *err)
{
	json_t *request =
		json_pack("{s:[s], s:O}", "command", command->noun, "arguments", arguments);
	struct text line = { 0 };
	json_t *answer = NULL;
	json_error_t why;
	char *said;

	if (command->verb != NULL)
		json_array_append_new(json_object_get(request, "command"),
				      json_string(command->verb));
	said = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (say(fd, said, strlen(said), err) && say(fd, "\n", 1, err) && hear(fd, &line, err)) {
		answer = json_loadb(line.bytes, line.length, 0, &why);
		if (answer == NULL)
			err_fail(err, ERR_SYNTAX, "the server's answer is not JSON: %s", why.text);
	}
	free(said);
	text_clear(&line);
	return answer;
}
