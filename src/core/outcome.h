/* SPDX-License-Identifier: MIT */
/* What a handler answers. */
#pragma once

enum outcome {
	PASS,  /* not mine: the next one, please */
	DONE,  /* dealt with: nobody below sees it */
	LATER, /* I hold it and shall resume it */
};
