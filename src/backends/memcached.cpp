// cachemodel: entries on memcached servers, one or many.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>

#include <cachemodel/cache_url.hpp>
#include <cachemodel/error.hpp>

#include "backends/memcached_conversation.hpp"
#include "backends/memcached_protocol.hpp"
#include "backends/memcached_server.hpp"

#include <libmemcached/memcached.h>
#include <poll.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <deque>
#include <limits>
#include <new>
#include <numeric>
#include <optional>
#include <utility>

namespace cachemodel {

namespace {

using memcached::Conversation;
using memcached::Endpoint;
using memcached::Positions;
using memcached::Server;
using memcached::TimePoint;

constexpr std::chrono::nanoseconds shortest_time = std::chrono::milliseconds{1};
constexpr std::chrono::nanoseconds longest_time = std::chrono::hours{1};
constexpr std::size_t most_connections = 10'000;
constexpr std::size_t smallest_item = std::size_t{1} << 10;
constexpr std::uint32_t largest_weight = 1000;

/// A call that talks to one server and waits for a connection to another looks for it this often.
constexpr std::chrono::milliseconds busy_pause{1};

Endpoint endpoint_of(const MemcachedServer& server) {
    if (!server.socket.empty()) return {server.socket, {}, 0, server.socket};
    const bool is_ipv6 = server.host.find(':') != std::string::npos;
    const auto host = is_ipv6 ? '[' + server.host + ']' : server.host;
    return {host + ':' + std::to_string(server.port), server.host, server.port, {}};
}

void check(bool sound, const std::string& problem) {
    if (!sound) throw ConfigError{"memcached: " + problem};
}

void check_server(const MemcachedServer& server) {
    if (server.socket.empty()) {
        check(!server.host.empty(), "a server has neither a host nor a socket");
        check(server.host.find('\0') == std::string::npos, "a host's name contains a zero byte");
        check(server.port != 0, "the port of " + server.host + " is 0");
    } else {
        check(server.host.empty(), "a server has both a host and a socket: " + server.socket);
        check(server.socket.front() == '/',
              "the path of a socket must begin with a slash: " + server.socket);
        check(server.socket.find('\0') == std::string::npos,
              "a socket's path contains a zero byte");
        check(server.socket.size() < sizeof(sockaddr_un::sun_path),
              "the path of a socket is longer than the system allows: " + server.socket);
    }
    check(server.weight >= 1 && server.weight <= largest_weight,
          "the weight of " + endpoint_of(server).name + " is not 1 to 1000");
}

MemcachedOptions checked(MemcachedOptions options) {
    check(!options.servers.empty(), "no server is given");
    std::vector<std::string> names;
    for (const auto& server : options.servers) {
        check_server(server);
        auto name = endpoint_of(server).name;
        check(std::find(names.begin(), names.end(), name) == names.end(),
              "a server is given twice: " + name);
        names.push_back(std::move(name));
    }
    const auto is_sound = [](std::chrono::nanoseconds time, std::chrono::nanoseconds least) {
        return time >= least && time <= longest_time;
    };
    check(is_sound(options.deadline, shortest_time), "deadline is not 1ms to 1h");
    check(is_sound(options.connect_timeout, shortest_time), "connect_timeout is not 1ms to 1h");
    check(is_sound(options.retry_after, std::chrono::nanoseconds{0}),
          "retry_after is not 0s to 1h");
    check(options.connections >= 1 && options.connections <= most_connections,
          "connections is not 1 to 10000");
    check(options.max_item >= smallest_item && options.max_item <= memcached::largest_item,
          "max_item is not 1KiB to 1GiB");
    return options;
}

/// Tells which server holds a key, exactly as libmemcached does with weighted ketama.
///
/// Only the placement is libmemcached's. Its input and output cannot be used here: it has no
/// deadline for an operation, and a server that answers nonsense makes it abort the process.
///
/// Thread safety: may be called concurrently, although a `memcached_st` is not meant to be shared:
/// placing a key only reads it. It would write when servers that fail are ejected, which is an
/// option (`MEMCACHED_BEHAVIOR_AUTO_EJECT_HOSTS`) that stays off here.
class Placement {
 public:
    explicit Placement(const std::vector<MemcachedServer>& servers)
        : client_(memcached_create(nullptr)), size_(servers.size()) {
        if (client_ == nullptr) throw std::bad_alloc{};
        bool done = memcached_success(
            memcached_behavior_set(client_.get(), MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1));
        for (const auto& server : servers) {
            const auto result =
                server.socket.empty()
                    ? memcached_server_add_with_weight(client_.get(), server.host.c_str(),
                                                       server.port, server.weight)
                    : memcached_server_add_unix_socket_with_weight(
                          client_.get(), server.socket.c_str(), server.weight);
            done = done && memcached_success(result);
        }
        if (!done) throw ConfigError{"memcached: libmemcached does not take these servers"};
    }

    std::size_t size() const noexcept { return size_; }

    std::size_t server_of(std::string_view key) const noexcept {
        if (size_ == 1) return 0;
        return memcached_generate_hash(client_.get(), key.data(), key.size());
    }

 private:
    struct Free {
        void operator()(memcached_st* client) const noexcept { memcached_free(client); }
    };

    std::unique_ptr<memcached_st, Free> client_;
    std::size_t size_;
};

/// Errors leave every `revents` as it is, zero: a signal only wakes the caller.
void poll(pollfd* polled, nfds_t count, TimePoint wake) noexcept {
    const auto left = std::max(std::chrono::nanoseconds{wake - std::chrono::steady_clock::now()},
                               std::chrono::nanoseconds{0});
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec pause{seconds.count(), (left - seconds).count()};
    static_cast<void>(::ppoll(polled, count, &pause, nullptr));
}

/// The servers as one process knows them. A forked child must not use what its parent has.
struct Process {
    Process(const MemcachedOptions& options, const Clock& clock) : id(::getpid()) {
        const Server::Limits limits{options.connections, options.connect_timeout,
                                    options.retry_after};
        for (const auto& server : options.servers) {
            servers.emplace_back(endpoint_of(server), servers.size(), options.servers.size(),
                                 limits, clock);
        }
    }

    const pid_t id;
    std::deque<Server> servers;
};

/// The positions of the keys, those of one server together.
class Sorted {
 public:
    /// Positions that `accept` turns down are left out.
    template <class KeyAt, class Accept>
    Sorted(std::size_t count, const Placement& placement, KeyAt key_at, Accept accept) {
        std::vector<std::uint32_t> servers(count);
        starts_.assign(placement.size() + 1, 0);
        for (std::size_t i = 0; i < count; ++i) {
            if (!accept(i)) {
                servers[i] = refused;
                continue;
            }
            servers[i] = static_cast<std::uint32_t>(placement.server_of(key_at(i)));
            ++starts_[servers[i] + 1];
        }
        std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
        positions_.resize(starts_.back());
        auto next = starts_;
        for (std::size_t i = 0; i < count; ++i) {
            if (servers[i] == refused) continue;
            positions_[next[servers[i]]++] = static_cast<std::uint32_t>(i);
        }
    }

    Positions of(std::size_t server) const noexcept {
        return Positions{positions_}.subspan(starts_[server],
                                             starts_[server + 1] - starts_[server]);
    }

 private:
    static constexpr auto refused = std::numeric_limits<std::uint32_t>::max();

    std::vector<std::size_t> starts_;
    std::vector<std::uint32_t> positions_;
};

}  // namespace

class MemcachedBackend::Implementation {
 public:
    Implementation(MemcachedOptions options, const Clock& clock)
        : options_(checked(std::move(options))),
          clock_(clock),
          placement_(options_.servers),
          process_(std::make_unique<Process>(options_, clock_).release()) {
        capabilities_.lifetime_resolution = std::chrono::seconds{1};
        capabilities_.longest_key = memcached::longest_key;
        capabilities_.largest_value = largest_stored() - 1;
        capabilities_.shared = true;
        capabilities_.compare_and_set = true;
    }

    ~Implementation() {
        const auto* process = process_.load();
        // Those of a parent are left alone: threads of the parent may have been using them.
        if (process->id == ::getpid()) delete process;
    }

    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

    const MemcachedOptions& options() const noexcept { return options_; }
    const Capabilities& capabilities() const noexcept { return capabilities_; }
    const Placement& placement() const noexcept { return placement_; }
    std::chrono::system_clock::time_point wall() const noexcept { return clock_.wall(); }

    /// Bytes of the largest value and its key together.
    std::size_t largest_stored() const noexcept {
        return options_.max_item - memcached::item_overhead;
    }

    /// The entry's token may be one that a read of its key handed out.
    bool knows(const Entry& entry) {
        return servers()[placement_.server_of(entry.key)].unique_of(entry.token) != 0;
    }

    std::deque<Server>& servers() {
        auto* known = process_.load(std::memory_order_acquire);
        if (known->id == ::getpid()) return known->servers;
        auto own = std::make_unique<Process>(options_, clock_);
        if (!process_.compare_exchange_strong(known, own.get())) return known->servers;
        // Never deleted: threads that this process does not have may hold the locks in it.
        for (auto& server : known->servers) server.abandon();
        return own.release()->servers;
    }

    /// Lets one conversation for each server that holds keys take place, all at the same time.
    /// `make(server, positions)` makes a `Talk`; `accept(i)` answers what is not to be sent.
    template <class Talk, class KeyAt, class Accept, class Make>
    void converse(std::size_t count, KeyAt key_at, Accept accept, Make make) {
        if (count == 0) return;
        const auto deadline = std::chrono::steady_clock::now() + options_.deadline;
        auto& servers = this->servers();
        if (count == 1) {
            if (!accept(0)) return;
            static constexpr std::array<std::uint32_t, 1> only{0};
            Talk talk = make(servers[placement_.server_of(key_at(0))], Positions{only});
            Conversation* const talks[] = {&talk};
            return run(talks, deadline);
        }
        const Sorted sorted{count, placement_, key_at, accept};
        std::vector<Talk> made;
        made.reserve(servers.size());
        std::vector<Conversation*> talks;
        for (std::size_t i = 0; i < servers.size(); ++i) {
            if (sorted.of(i).empty()) continue;
            talks.push_back(&made.emplace_back(make(servers[i], sorted.of(i))));
        }
        run(talks, deadline);
    }

    void run(std::span<Conversation* const> talks, TimePoint deadline);

 private:
    const MemcachedOptions options_;
    const Clock& clock_;
    const Placement placement_;
    Capabilities capabilities_;
    std::atomic<Process*> process_;
};

void MemcachedBackend::Implementation::run(std::span<Conversation* const> talks,
                                           TimePoint deadline) {
    std::array<pollfd, 8> few;
    std::vector<pollfd> many(talks.size() > few.size() ? talks.size() : 0);
    pollfd* const polled = many.empty() ? few.data() : many.data();
    for (;;) {
        auto now = std::chrono::steady_clock::now();
        const bool was_late = now >= deadline;
        nfds_t count = 0;
        std::size_t waiting = 0;
        Conversation* last_waiting = nullptr;
        auto wake = deadline;
        for (auto* talk : talks) {
            // At most twice: again on a new connection where the server had closed the idle one.
            while (!was_late && !talk->is_over() && !talk->is_under_way()) {
                if (!talk->begin(deadline, now)) break;
            }
            if (talk->is_under_way()) {
                polled[count++] = {talk->socket(), talk->events(), 0};
                wake = std::min(wake, talk->wakes_at(deadline));
            } else if (!talk->is_over()) {
                ++waiting;
                last_waiting = talk;
            }
        }
        if (count == 0 && waiting == 0) return;

        if (count == 0 && waiting == 1) {
            last_waiting->await_connection(deadline);
        } else {
            if (waiting != 0) wake = std::min(wake, now + busy_pause);
            poll(polled, count, wake);
        }

        now = std::chrono::steady_clock::now();
        const bool is_late = now >= deadline;
        nfds_t at = 0;
        for (auto* talk : talks) {
            auto delay = Conversation::Delay::silent;
            if (talk->is_under_way()) {
                const auto ready = polled[at++].revents;
                // Late or not: what waits to be read came in time, or this side looked too late.
                if (ready != 0 || (!is_late && now >= talk->wakes_at(deadline))) {
                    talk->advance(ready, now);
                }
                if (ready != 0) {
                    delay = was_late ? Conversation::Delay::caller : Conversation::Delay::slow;
                }
            }
            const bool is_left = talk->is_under_way() || !talk->is_over();
            if (is_late && is_left) talk->run_out_of_time(options_.deadline, delay);
        }
    }
}

namespace {

bool accept_key(std::string_view key, Outcome& outcome) {
    if (memcached::is_valid_key(key)) return true;
    outcome = memcached::invalid_key(key);
    return false;
}

}  // namespace

MemcachedBackend::MemcachedBackend(MemcachedOptions options, const Clock& clock)
    : implementation_(std::make_unique<Implementation>(std::move(options), clock)) {}

MemcachedBackend::~MemcachedBackend() = default;

const Capabilities& MemcachedBackend::capabilities() const noexcept {
    return implementation_->capabilities();
}

void MemcachedBackend::get_many(std::span<const std::string_view> keys, ReadSink& sink) {
    implementation_->converse<memcached::Reading>(
        keys.size(), [&](std::size_t i) { return keys[i]; },
        [&](std::size_t i) {
            if (memcached::is_valid_key(keys[i])) return true;
            sink.failed(i, memcached::invalid_key(keys[i]));
            return false;
        },
        [&](Server& server, Positions positions) {
            return memcached::Reading{server, positions, keys, sink};
        });
}

void MemcachedBackend::store_many(Store how, std::span<const Entry> entries,
                                  std::span<Outcome> outcomes) {
    const auto largest = implementation_->largest_stored();
    const auto now = implementation_->wall();
    implementation_->converse<memcached::Storing>(
        entries.size(), [&](std::size_t i) { return entries[i].key; },
        [&](std::size_t i) {
            const auto& entry = entries[i];
            const auto& key = entry.key;
            const auto& value = entry.value;
            if (!memcached::is_valid_key(key)) {
                outcomes[i] = memcached::invalid_key(key);
            } else if (how != Store::set && key.size() + value.size() > largest) {
                outcomes[i] = memcached::value_too_large(value.size(), largest - key.size());
            } else if (how == Store::compare_and_set && !implementation_->knows(entry)) {
                outcomes[i] = Outcome::declined_by_backend();  // the token is from no read of it
            } else {
                return true;
            }
            return false;
        },
        [&](Server& server, Positions positions) {
            return memcached::Storing{server, positions, outcomes, how, entries, largest, now};
        });
}

void MemcachedBackend::remove_many(std::span<const std::string_view> keys,
                                   std::span<Outcome> outcomes) {
    implementation_->converse<memcached::Removing>(
        keys.size(), [&](std::size_t i) { return keys[i]; },
        [&](std::size_t i) { return accept_key(keys[i], outcomes[i]); },
        [&](Server& server, Positions positions) {
            return memcached::Removing{server, positions, outcomes, keys};
        });
}

void MemcachedBackend::touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                                  std::span<Outcome> outcomes) {
    const auto expiration = memcached::expiration(lifetime, implementation_->wall());
    implementation_->converse<memcached::Touching>(
        keys.size(), [&](std::size_t i) { return keys[i]; },
        [&](std::size_t i) { return accept_key(keys[i], outcomes[i]); },
        [&](Server& server, Positions positions) {
            return memcached::Touching{server, positions, outcomes, keys, expiration};
        });
}

void MemcachedBackend::clear() {
    const auto deadline = std::chrono::steady_clock::now() + implementation_->options().deadline;
    auto& servers = implementation_->servers();
    std::vector<std::uint32_t> positions(servers.size());
    std::iota(positions.begin(), positions.end(), std::uint32_t{0});
    std::vector<Outcome> outcomes(servers.size());
    std::vector<memcached::Flushing> made;
    made.reserve(servers.size());
    std::vector<Conversation*> talks;
    for (std::size_t i = 0; i < servers.size(); ++i) {
        talks.push_back(
            &made.emplace_back(servers[i], Positions{positions}.subspan(i, 1), outcomes));
    }
    implementation_->run(talks, deadline);
    for (const auto& outcome : outcomes) {
        if (outcome.failed()) outcome.failure().rethrow();
    }
}

void MemcachedBackend::close() noexcept {
    try {
        for (auto& server : implementation_->servers()) server.close_idle();
    } catch (const std::bad_alloc&) {
        // A forked child that cannot have its own list has no connections to close.
    }
}

std::size_t MemcachedBackend::server_of(std::string_view key) const noexcept {
    return implementation_->placement().server_of(key);
}

namespace {

std::vector<std::uint32_t> parse_weights(const std::string& text, std::size_t hosts) {
    const ConfigError error{"option weights is \"" + text + "\"; expected are " +
                            std::to_string(hosts) +
                            " numbers from 1 to 1000 with commas between them, one for each host"};
    std::vector<std::uint32_t> weights;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (;;) {
        std::uint32_t weight = 0;
        const auto [next, problem] = std::from_chars(at, end, weight);
        if (problem != std::errc{} || weight < 1 || weight > largest_weight) throw error;
        weights.push_back(weight);
        if (next == end) break;
        if (*next != ',') throw error;
        at = next + 1;
    }
    if (weights.size() != hosts) throw error;
    return weights;
}

std::vector<MemcachedServer> parse_servers(CacheUrl& url) {
    check(url.user().empty() && url.password().empty(),
          "the URL has a user or a password, which the text protocol cannot send");
    std::vector<MemcachedServer> servers;
    if (url.hosts().empty()) {
        check(url.path().size() > 1, "the URL has neither a host nor the path of a socket");
        servers.push_back({.host = {}, .socket = url.path()});
    } else {
        check(url.path().empty(),
              "the URL has both a host, " + url.hosts().front().name + ", and a path, " +
                  url.path() + "; the path of a socket is absolute: memcached:///run/it.sock");
        for (const auto& host : url.hosts()) {
            servers.push_back({.host = host.name, .port = host.port.value_or(11211), .socket = {}});
        }
    }
    const auto weights = url.take_text("weights", {});
    if (!weights.empty()) {
        const auto numbers = parse_weights(weights, servers.size());
        for (std::size_t i = 0; i < servers.size(); ++i) servers[i].weight = numbers[i];
    }
    return servers;
}

}  // namespace

std::shared_ptr<Backend> open_memcached(CacheUrl& url, const Clock& clock) {
    MemcachedOptions options;
    options.servers = parse_servers(url);
    options.deadline = url.take_duration("deadline", options.deadline, shortest_time, longest_time);
    options.connect_timeout =
        url.take_duration("connect_timeout", options.connect_timeout, shortest_time, longest_time);
    options.retry_after = url.take_duration("retry_after", options.retry_after,
                                            std::chrono::nanoseconds{0}, longest_time);
    options.connections = url.take_integer("connections", options.connections, 1, most_connections);
    options.max_item =
        url.take_size("max_item", options.max_item, smallest_item, memcached::largest_item);
    return std::make_shared<MemcachedBackend>(std::move(options), clock);
}

}  // namespace cachemodel
