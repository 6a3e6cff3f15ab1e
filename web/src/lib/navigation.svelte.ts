// The current route as state, and going elsewhere without loading the page anew.
import { href, parse, type Route } from './router';

class Navigation {
    route = $state.raw<Route>(here());

    constructor() {
        window.addEventListener('popstate', () => (this.route = here()));
        window.addEventListener('hashchange', () => (this.route = here()));
        document.addEventListener('click', (event) => this.#onClick(event));
    }

    go(route: Route, how: 'push' | 'replace' = 'push'): void {
        const address = href(route);
        if (how === 'push') history.pushState(null, '', address);
        else history.replaceState(null, '', address);
        const samePage = this.route.page === route.page;
        this.route = here();
        if (how === 'push' && !samePage) window.scrollTo(0, 0);
    }

    /** Links to our own pages: only plain clicks, so that "open in new tab" and downloads work. */
    #onClick(event: MouseEvent): void {
        if (event.defaultPrevented || event.button !== 0) return;
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        const link = (event.target as Element | null)?.closest?.('a');
        if (!link || link.target !== '' || link.hasAttribute('download')) return;
        if (link.origin !== location.origin || link.pathname.startsWith('/api/')) return;
        event.preventDefault();
        this.go(parse(link.pathname, link.search, link.hash));
    }
}

function here(): Route {
    return parse(location.pathname, location.search, location.hash);
}

export const navigation = new Navigation();
