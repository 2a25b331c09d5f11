// cachemodel: entries on memcached servers, one or many.
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

/// Where one memcached server listens, and its share of the keys.
///
/// Thread safety: that of a plain value.
struct MemcachedServer {
    std::string host;            ///< a name or an address; IPv6 without brackets
    std::uint16_t port = 11211;  ///< TCP
    std::string socket;          ///< the absolute path of a unix socket, instead of host and port
    std::uint32_t weight = 1;  ///< 1 to 1000: a server of weight 2 gets twice the keys of one of 1
};

/// How to use a group of memcached servers. Every option but `servers` may also stand in the URL:
///
///     memcached://10.0.0.1:11211,10.0.0.2:11211?weights=1,2&deadline=100ms
///     memcached:///run/memcached.sock?connections=8
///
/// Every process that shares the servers must list them under the same names and weights, in any
/// order: name, port and weight decide which server holds a key.
///
/// Thread safety: that of a plain value.
struct MemcachedOptions {
    /// At least one, none of them twice. In the URL the hosts, or the path of one unix socket;
    /// weights as `weights=1,2,1`, one for each host.
    std::vector<MemcachedServer> servers;

    /// The longest that a call may take, connecting included: 1 ms to 1 h. What is not answered by
    /// then has failed with `timeout`. Looking up a host's *name* is not included, as the system's
    /// resolver cannot be interrupted: write addresses where that matters.
    std::chrono::nanoseconds deadline = std::chrono::milliseconds{250};

    /// The part of the deadline that connecting may take: 1 ms to 1 h.
    std::chrono::nanoseconds connect_timeout = std::chrono::milliseconds{250};

    /// For how long, at most, a server is left alone that could not be reached, did not answer in
    /// time on a new connection, or failed five times in a row or in half of twenty calls: 0 to
    /// 1 h. Meanwhile its keys fail at once with `unavailable`; then one call tries it again.
    std::chrono::nanoseconds retry_after = std::chrono::seconds{1};

    /// The most connections to each server, 1 to 10,000. They are made when they are needed. A call
    /// that finds all of them in use waits within its deadline. Reads of one key each by many
    /// threads at a time are combined into few requests; for all other calls give as many as there
    /// are threads that make them at a time. One is in use until its answer has been taken: a
    /// `ReadSink` or a converter that reads the same server meanwhile needs another.
    std::size_t connections = 64;

    /// The size of the largest item, as the server's own option `-I` sets it: 1 KiB to 1 GiB. A
    /// value may have 59 bytes and its key's length less than this. A read that finds a larger one
    /// than this fails, without memory being spent on it.
    std::size_t max_item = std::size_t{1} << 20;
};

/// A group of memcached servers that share the keys among them by weighted ketama hashing, as
/// libmemcached places them: a server added or lost moves little more than its own share of the
/// keys.
///
/// Speaks the text protocol over TCP or unix sockets. A call talks to all servers that it needs at
/// the same time and waits for each of them at most until its deadline; the keys of a server that
/// fails are *failed*, those of the others are answered. After a timeout, or an answer that makes
/// no sense, the connection is dropped: a late answer is never taken for that of another key. A
/// server that closed an idle connection, as after a restart, is connected again within the call;
/// only `Store::add`, `Store::compare_and_set` and `increment` are never sent twice. Where an idle
/// connection turns out to be silent, all idle ones to that server are closed.
///
/// Lifetimes are whole seconds, rounded up; memcached may end an entry up to a second early, above
/// 30 days up to two. Keys have 1 to 250 bytes, none of them up to 0x20 or 0x7f; others fail with
/// `InvalidKey` and are not sent. Compare-and-set needs servers that were not started with `-C`.
///
/// Counters are the server's own, 64 bits without a sign: one that would fall below zero becomes
/// zero, a number that was stored below zero is not counted but fails with `NotAnInteger`, and
/// where `increment` fails with `Overflow` the server has counted nevertheless: what it holds then
/// is beyond an `int64_t`, or has begun again at zero. Set such a counter anew. A remaining
/// lifetime and the list of keys cannot be had.
///
/// A removal that was sent twice may be declined although its first sending removed the entry.
///
/// A child of `fork` makes connections of its own. No signal is raised when a server goes away.
///
/// Thread safety: may be called concurrently.
class MemcachedBackend final : public Backend {
 public:
    /// Connects to nothing yet.
    ///
    /// Errors: `ConfigError` naming the option that makes no sense.
    explicit MemcachedBackend(MemcachedOptions options, const Clock& clock = Clock::machine());
    ~MemcachedBackend() override;

    MemcachedBackend(const MemcachedBackend&) = delete;
    MemcachedBackend& operator=(const MemcachedBackend&) = delete;

    const Capabilities& capabilities() const noexcept override;
    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override;
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override;
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override;
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override;

    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override;

    /// Sends `flush_all` to every server: whoever uses them, loses their entries.
    ///
    /// Errors: `BackendError` when a server could not be emptied. The others are: it names every
    /// server that failed, and says how many were emptied.
    void clear() override;

    void close() noexcept override;

    /// Of every server, under the names of its command `stats`: version, pid, uptime, curr_items,
    /// bytes, limit_maxbytes, get_hits, get_misses, evictions and curr_connections. The subject is
    /// the server, where there are several; one of these that did not answer has the single fact
    /// `state`, such as `unavailable: 10.0.0.2:11211: Connection refused`.
    ///
    /// Errors: `BackendError` when no server answered.
    std::vector<Fact> facts() override;
    /// In the order of `MemcachedOptions::servers`.
    std::vector<ServerState> servers() override;

    /// The position in `MemcachedOptions::servers` of the server that holds `key`.
    std::size_t server_of(std::string_view key) const noexcept override;

 private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

/// Opens the backend of a `memcached://` URL; see `MemcachedOptions`.
///
/// Thread safety: may be called concurrently, each time with another URL.
/// Errors: `ConfigError` naming the part of the URL or the option that makes no sense.
std::shared_ptr<Backend> open_memcached(CacheUrl& url, const Clock& clock);

}  // namespace cachemodel
