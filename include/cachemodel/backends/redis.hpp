// cachemodel: entries on a Redis server.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel {

class CacheUrl;

/// Where a Redis server listens, and how to use it. In a URL:
///
///     redis://10.0.0.1
///     redis://user:password@10.0.0.1:6379/5?deadline=100ms
///     redis+unix://:password@/run/redis/redis.sock?db=5
///
/// The number of the database is the path of the first form and the option `db` of the second.
///
/// Thread safety: that of a plain value.
struct RedisOptions {
    std::string host;           ///< a name or an address; IPv6 without brackets
    std::uint16_t port = 6379;  ///< TCP
    std::string socket;         ///< the absolute path of a unix socket, instead of host and port

    /// Sent with every new connection, where there is a password. Without a user it is that of the
    /// user `default`, or of `requirepass`.
    std::string user;
    std::string password;

    /// The number of the database, 0 to 2,147,483,647; servers have 16 of them unless told
    /// otherwise. Selected with every new connection.
    std::uint32_t database = 0;

    /// The longest that a call may take, connecting included: 1 ms to 1 h. What is not answered by
    /// then has failed with `timeout`. Looking up a host's *name* is not included, as the system's
    /// resolver cannot be interrupted: write addresses where that matters. Listing keys takes many
    /// round trips, each of which has this long.
    std::chrono::nanoseconds deadline = std::chrono::milliseconds{250};

    /// The part of the deadline that connecting may take: 1 ms to 1 h.
    std::chrono::nanoseconds connect_timeout = std::chrono::milliseconds{250};

    /// For how long, at most, the server is left alone that could not be reached, did not answer in
    /// time on a new connection, refused the password or the database, or failed five times in a
    /// row or in half of twenty calls: 0 to 1 h. Meanwhile calls fail at once; then one call tries
    /// it again.
    std::chrono::nanoseconds retry_after = std::chrono::seconds{1};

    /// The most connections, 1 to 10,000. They are made when they are needed. A call that finds all
    /// of them in use waits within its deadline, so give at least as many as there are threads that
    /// use the cache at a time. One is in use until its answer has been taken: a `ReadSink` or a
    /// converter that reads the server meanwhile needs another.
    std::size_t connections = 64;
};

/// One database of one Redis server, 4.0 or later.
///
/// A call on many keys is one round trip. After a timeout, or an answer that makes no sense, the
/// connection is dropped: a late answer is never taken for that of another key. A server that
/// closed an idle connection, as after a restart, is connected again within the call; only
/// `Store::add`, `Store::compare_and_set` and `increment` are never sent twice. A removal that was
/// may be declined although its first sending removed the entry. Where an idle connection turns out
/// to be silent, all idle ones are closed.
///
/// A `Store::set` that the server refuses, since it is full or takes no values of that size,
/// removes what was stored before.
///
/// Lifetimes are whole milliseconds, rounded up. Keys are any bytes; values have at most 512 MiB.
/// The token of an entry stands for its value, not for its writing. Whether entries survive a
/// restart of the server is its own configuration.
///
/// Where another program keeps a list or a hash under a key, a read of that key alone fails and a
/// read of several keys takes it for absent, as Redis' own MGET does; writing and removing replace
/// and remove it.
///
/// A child of `fork` makes connections of its own. No signal is raised when the server goes away.
///
/// Thread safety: may be called concurrently.
class RedisBackend final : public Backend {
 public:
    /// Connects to nothing yet.
    ///
    /// Errors: `ConfigError` naming the option that makes no sense.
    explicit RedisBackend(RedisOptions options, const Clock& clock = Clock::machine());
    ~RedisBackend() override;

    RedisBackend(const RedisBackend&) = delete;
    RedisBackend& operator=(const RedisBackend&) = delete;

    const Capabilities& capabilities() const noexcept override;
    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override;
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override;
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override;
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override;

    /// Counts in a script on the server, which never makes an entry.
    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override;
    Outcome remaining_lifetime(std::string_view key, Lifetime& left) override;

    /// Goes through the whole database step by step, as the server's SCAN does, without holding the
    /// server up. A key may come twice where the server rearranges its table meanwhile, and one
    /// that is stored or removed meanwhile may come or not.
    ///
    /// Errors: `BackendError`, also where the server's steps go in circles.
    void list_keys(std::string_view prefix, KeySink& sink) override;

    /// Empties the selected database, whoever wrote to it.
    ///
    /// Errors: `BackendError`.
    void clear() override;

    void close() noexcept override;

    /// Under the names of the server's command INFO: redis_version, uptime_in_seconds,
    /// connected_clients, used_memory, maxmemory, maxmemory_policy, keyspace_hits, keyspace_misses,
    /// evicted_keys; and `keys`, the entries of the selected database.
    ///
    /// Errors: `BackendError`.
    std::vector<Fact> facts() override;
    std::vector<ServerState> servers() override;
    /// 0: there is one.
    std::size_t server_of(std::string_view /*key*/) const noexcept override { return 0; }

 private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

/// Opens the backend of a `redis://` or `redis+unix://` URL; see `RedisOptions`.
///
/// Thread safety: may be called concurrently, each time with another URL.
/// Errors: `ConfigError` naming the part of the URL or the option that makes no sense. `rediss://`
/// is always one: TLS would need hiredis_ssl (hiredis 1.0 or later), which this library does not
/// use yet.
std::shared_ptr<Backend> open_redis(CacheUrl& url, const Clock& clock);

}  // namespace cachemodel
