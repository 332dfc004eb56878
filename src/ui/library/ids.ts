/** The command that focuses the library's search finds its box by this id. */
export const LIBRARY_SEARCH_ID = 'library-search';
