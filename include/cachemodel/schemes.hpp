// cachemodel: which URL scheme opens which backend.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string_view>

namespace cachemodel {

class Backend;
class CacheUrl;
class Clock;

/// Makes a backend from its URL. Takes the options that are its own; connects to nothing yet.
using OpenBackend = std::shared_ptr<Backend> (*)(CacheUrl& url, const Clock& clock);

/// Makes `Cache::open("SCHEME://…")` use `open`. Registering the same function again does nothing.
///
/// Returns true, so that a namespace-scope variable can call it. Components do that for their own
/// schemes: linking `cachemodel::memcached` registers `memcached`.
///
/// Thread safety: may be called concurrently.
/// Errors: `ConfigError` when another function opens the scheme, when `open` is null, and when the
/// scheme is not a lower-case letter followed by lower-case letters, digits, `+`, `-` or `.`.
bool register_scheme(std::string_view scheme, OpenBackend open);

/// The function that opens `scheme`.
///
/// Thread safety: may be called concurrently.
/// Errors: `ConfigError` naming the scheme and those that are known.
OpenBackend find_scheme(std::string_view scheme);

}  // namespace cachemodel
