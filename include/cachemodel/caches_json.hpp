// cachemodel: named caches from one JSON document.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cachemodel {

/// Configures the named caches of this process from a JSON document, all of them or none.
///
///     {
///       "default": {"BACKEND": "memcached", "LOCATION": ["10.0.0.1:11211", "10.0.0.2"],
///                   "TIMEOUT": 60, "KEY_PREFIX": "shop", "OPTIONS": {"DEADLINE": "100ms"}},
///       "sessions": "redis://10.0.0.3/1"
///     }
///
/// Each cache is a URL or an object in the shape of Django's CACHES. Its members, in any case:
///
/// `BACKEND` is a URL scheme such as `memory` or `redis`, or the dotted name of one of Django's
/// backends, which stands for ours of the same kind.
///
/// `LOCATION` is for servers one text or a list of texts, separated by commas or semicolons, each a
/// `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; or one `/path` or `unix:/path` of a socket. For
/// `file` and `sqlite` it is an absolute path, for `memory` a name. It may also be a URL of this
/// backend, which brings its own user, password and options.
///
/// `TIMEOUT` is a number of seconds, a text as in a URL, or null for never. `KEY_PREFIX`, `VERSION`
/// and `KEY_FUNCTION` are as in `CacheOptions`.
///
/// `OPTIONS` has all other options of the URL, such as `MAX_ENTRIES`, each a text, a number or a
/// bool, or for `LOAD_TIMEOUT` null. `USERNAME` and `PASSWORD` stand for those of the URL, and for
/// `redis` `DB` for its path; each is an error where a URL in `LOCATION` has its own.
///
/// `LENIENT` is true for a cache whose unknown members and options, and values that make no sense,
/// are warnings and not errors. A key function that nobody knows, a key prefix or a table's name
/// that cannot be used, a database of Redis that is no number, weights of memcached, and bounds too
/// small for the `SHARDS` of a cache in memory stay errors: without them it would be another cache.
///
/// Caches that are configured already and not in the document stay as they are. Connects to
/// nothing yet. Needs the component `cachemodel::json`.
///
/// Returns what may not be meant as it is written: `cache "default": …`.
///
/// Thread safety: may be called concurrently.
/// Errors: `ConfigError` naming the cache and its member, or line and column of what is not JSON.
/// None quotes a password. Of what a scheme of the program's own refuses, the cache is named.
/// Example: examples/configuration.cpp#json
std::vector<std::string> configure_caches(std::string_view json);

}  // namespace cachemodel
