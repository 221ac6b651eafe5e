/** Where a visitor is, without what a query or fragment may tell. */

/** The path, with the fragment where that is a path too. */
export const path = (): string => location.pathname + (/^#!?\//.test(location.hash) ? location.hash.replace(/\?.*/, "") : "");

export const here = (): string => location.origin + location.pathname;

/** Numbers and hexadecimal ids become {id}. */
export const routeOf = (path: string): string => path.replace(/\/(\d+|[0-9a-f-]{8,})(?=[/#]|$)/gi, "/{id}");
