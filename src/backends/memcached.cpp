// cachemodel: entries on memcached servers, one or many.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>

#include <cachemodel/cache_url.hpp>
#include <cachemodel/error.hpp>

#include "backends/memcached_conversation.hpp"
#include "backends/memcached_protocol.hpp"
#include "config_problem_error.hpp"
#include "net/conversation.hpp"
#include "net/group.hpp"
#include "net/options.hpp"
#include "net/server_text.hpp"

#include <libmemcached/memcached.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <limits>
#include <new>
#include <numeric>
#include <optional>
#include <utility>

namespace cachemodel {

namespace {

using net::Conversation;
using net::Positions;
using net::Server;

constexpr std::size_t smallest_item = std::size_t{1} << 10;
constexpr std::uint32_t largest_weight = 1000;

void check(bool sound, const std::string& problem, net::Part part = net::Part::location) {
    net::check(sound, "memcached", problem, part);
}

net::Endpoint endpoint_of(const MemcachedServer& server) {
    return net::checked_endpoint("memcached", server.host, server.port, server.socket);
}

std::vector<net::Endpoint> endpoints_of(const std::vector<MemcachedServer>& servers) {
    std::vector<net::Endpoint> endpoints;
    endpoints.reserve(servers.size());
    for (const auto& server : servers) endpoints.push_back(endpoint_of(server));
    return endpoints;
}

MemcachedOptions checked(MemcachedOptions options) {
    check(!options.servers.empty(), "no server is given");
    std::vector<std::string> names;
    for (const auto& server : options.servers) {
        auto name = endpoint_of(server).name;
        check(server.weight >= 1 && server.weight <= largest_weight,
              "the weight of " + name + " is not 1 to 1000");
        check(std::find(names.begin(), names.end(), name) == names.end(),
              "a server is given twice: " + name);
        names.push_back(std::move(name));
    }
    net::check_options("memcached", options);
    net::check_option(
        options.max_item >= smallest_item && options.max_item <= memcached::largest_item,
        "memcached", "max_item", "max_item is not 1KiB to 1GiB");
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
        if (!done)
            throw detail::wrong_location("memcached: libmemcached does not take these servers");
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
          group_(endpoints_of(options_.servers), net::limits_of(options_), clock) {
        capabilities_.lifetime_resolution = std::chrono::seconds{1};
        capabilities_.longest_key = memcached::longest_key;
        capabilities_.largest_value = largest_stored() - 1;
        capabilities_.portable_keys_only = true;
        capabilities_.shared = true;
        capabilities_.compare_and_set = true;
        capabilities_.atomic_increment = true;
        capabilities_.counters_stop_at_zero = true;
    }

    const MemcachedOptions& options() const noexcept { return options_; }
    const Capabilities& capabilities() const noexcept { return capabilities_; }
    const Placement& placement() const noexcept { return placement_; }
    std::chrono::system_clock::time_point wall() const noexcept { return clock_.wall(); }

    /// Bytes of the largest value and its key together.
    std::size_t largest_stored() const noexcept {
        return options_.max_item - memcached::item_overhead;
    }

    /// The entry's token may be one that a read of its key handed out.
    bool knows(const Entry& entry) const noexcept {
        return tokens(placement_.server_of(entry.key)).unique_of(entry.token) != 0;
    }

    memcached::Tokens tokens(std::size_t server) const noexcept {
        return {server, options_.servers.size()};
    }

    std::deque<Server>& servers() { return group_.servers(); }

    void close_idle() noexcept { group_.close_idle(); }

    /// Lets one conversation for each server that holds keys take place, all at the same time.
    /// `make(number, server, positions)` makes a `Talk`; `accept(i)` answers what is not to be
    /// sent.
    template <class Talk, class KeyAt, class Accept, class Make>
    void converse(std::size_t count, KeyAt key_at, Accept accept, Make make) {
        if (count == 0) return;
        const auto deadline = std::chrono::steady_clock::now() + options_.deadline;
        auto& servers = this->servers();
        if (count == 1) {
            if (!accept(0)) return;
            static constexpr std::array<std::uint32_t, 1> only{0};
            const auto number = placement_.server_of(key_at(0));
            Talk talk = make(number, servers[number], Positions{only});
            Conversation* const talks[] = {&talk};
            return net::run(talks, deadline, options_.deadline);
        }
        const Sorted sorted{count, placement_, key_at, accept};
        std::vector<Talk> made;
        made.reserve(servers.size());
        std::vector<Conversation*> talks;
        for (std::size_t i = 0; i < servers.size(); ++i) {
            if (sorted.of(i).empty()) continue;
            talks.push_back(&made.emplace_back(make(i, servers[i], sorted.of(i))));
        }
        net::run(talks, deadline, options_.deadline);
    }

    /// Reads one key, perhaps in one request with those of other callers.
    void read(std::string_view key, ReadSink& sink) {
        const auto deadline = std::chrono::steady_clock::now() + options_.deadline;
        const auto number = placement_.server_of(key);
        auto& server = servers()[number];
        SingleRead request{*this, number, server, deadline};
        if (server.combined_reads().read(key, sink, deadline, request)) return;
        const auto what = "no complete answer" + net::within(options_.deadline);
        sink.failed(0, Failure{BackendFault::timeout, server.endpoint().name + ": " + what});
    }

    memcached::Reading reading(std::size_t number, Server& server, Positions positions,
                               std::span<const std::string_view> keys, ReadSink& sink) const {
        return {server, positions, keys, tokens(number), options_.max_item, sink};
    }

    /// Lets one conversation with every server take place, all at the same time.
    /// `make(server, positions, outcomes)` makes a `Talk`. The outcome of each server.
    template <class Talk, class Make>
    std::vector<Outcome> converse_with_all(Make make) {
        const auto deadline = std::chrono::steady_clock::now() + options_.deadline;
        auto& servers = this->servers();
        std::vector<std::uint32_t> positions(servers.size());
        std::iota(positions.begin(), positions.end(), std::uint32_t{0});
        std::vector<Outcome> outcomes(servers.size());
        std::vector<Talk> made;
        made.reserve(servers.size());
        std::vector<Conversation*> talks;
        for (std::size_t i = 0; i < servers.size(); ++i) {
            talks.push_back(
                &made.emplace_back(make(servers[i], Positions{positions}.subspan(i, 1), outcomes)));
        }
        net::run(talks, deadline, options_.deadline);
        return outcomes;
    }

 private:
    class SingleRead final : public net::ReadRequest {
     public:
        SingleRead(const Implementation& backend, std::size_t number, Server& server,
                   net::TimePoint deadline)
            : backend_(backend), number_(number), server_(server), deadline_(deadline) {}

        void send(std::span<const std::string_view> keys, ReadSink& sink) override {
            static constexpr auto all = [] {
                std::array<std::uint32_t, net::CombinedReads::most_keys> positions{};
                for (std::uint32_t i = 0; i < positions.size(); ++i) positions[i] = i;
                return positions;
            }();
            const auto positions = Positions{all}.first(keys.size());
            auto talk = backend_.reading(number_, server_, positions, keys, sink);
            Conversation* const talks[] = {&talk};
            net::run(talks, deadline_, backend_.options_.deadline);
        }

     private:
        const Implementation& backend_;
        std::size_t number_;
        Server& server_;
        net::TimePoint deadline_;
    };

    const MemcachedOptions options_;
    const Clock& clock_;
    const Placement placement_;
    Capabilities capabilities_;
    net::Group group_;
};

namespace {

bool accept_key(std::string_view key, Outcome& outcome) {
    if (memcached::is_valid_key(key)) return true;
    outcome = memcached::invalid_key(key);
    return false;
}

/// Throws what the servers failed with: of several, a `BackendError` with the first one's fault
/// that tells of all and ends with `rest`.
[[noreturn]] void throw_failures(std::span<const Outcome> outcomes, const std::string& rest = {}) {
    const auto& first = std::ranges::find_if(outcomes, &Outcome::failed)->failure();
    if (outcomes.size() == 1 || !first.fault()) first.rethrow();
    std::string message;
    for (const auto& outcome : outcomes) {
        if (!outcome.failed()) continue;
        message.append(message.empty() ? "" : "; ").append(outcome.failure().message());
    }
    message.erase(0, to_string(*first.fault()).size() + 2);  // the error begins with it anyway
    throw BackendError{*first.fault(), message + rest};
}

}  // namespace

MemcachedBackend::MemcachedBackend(MemcachedOptions options, const Clock& clock)
    : implementation_(std::make_unique<Implementation>(std::move(options), clock)) {}

MemcachedBackend::~MemcachedBackend() = default;

const Capabilities& MemcachedBackend::capabilities() const noexcept {
    return implementation_->capabilities();
}

void MemcachedBackend::get_many(std::span<const std::string_view> keys, ReadSink& sink) {
    if (keys.size() == 1 && memcached::is_valid_key(keys[0])) {
        return implementation_->read(keys[0], sink);
    }
    implementation_->converse<memcached::Reading>(
        keys.size(), [&](std::size_t i) { return keys[i]; },
        [&](std::size_t i) {
            if (memcached::is_valid_key(keys[i])) return true;
            sink.failed(i, memcached::invalid_key(keys[i]));
            return false;
        },
        [&](std::size_t number, Server& server, Positions positions) {
            return implementation_->reading(number, server, positions, keys, sink);
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
        [&](std::size_t number, Server& server, Positions positions) {
            return memcached::Storing{server,  positions, outcomes,
                                      how,     entries,   implementation_->tokens(number),
                                      largest, now};
        });
}

void MemcachedBackend::remove_many(std::span<const std::string_view> keys,
                                   std::span<Outcome> outcomes) {
    implementation_->converse<memcached::Removing>(
        keys.size(), [&](std::size_t i) { return keys[i]; },
        [&](std::size_t i) { return accept_key(keys[i], outcomes[i]); },
        [&](std::size_t /*number*/, Server& server, Positions positions) {
            return memcached::Removing{server, positions, outcomes, keys};
        });
}

void MemcachedBackend::touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                                  std::span<Outcome> outcomes) {
    const auto expiration = memcached::expiration(lifetime, implementation_->wall());
    implementation_->converse<memcached::Touching>(
        keys.size(), [&](std::size_t i) { return keys[i]; },
        [&](std::size_t i) { return accept_key(keys[i], outcomes[i]); },
        [&](std::size_t /*number*/, Server& server, Positions positions) {
            return memcached::Touching{server, positions, outcomes, keys, expiration};
        });
}

Outcome MemcachedBackend::increment(std::string_view key, std::int64_t delta, std::int64_t& value) {
    Outcome outcome;
    implementation_->converse<memcached::Counting>(
        1, [&](std::size_t) { return key; }, [&](std::size_t) { return accept_key(key, outcome); },
        [&](std::size_t /*number*/, Server& server, Positions positions) {
            return memcached::Counting{server, positions, {&outcome, 1}, key, delta, value};
        });
    return outcome;
}

void MemcachedBackend::clear() {
    const auto outcomes = implementation_->converse_with_all<memcached::Flushing>(
        [](Server& server, Positions positions, std::span<Outcome> each) {
            return memcached::Flushing{server, positions, each};
        });
    if (std::ranges::none_of(outcomes, &Outcome::failed)) return;
    const auto emptied = std::ranges::count_if(outcomes, &Outcome::done);
    throw_failures(outcomes, emptied == 0   ? ""
                             : emptied == 1 ? "; the other server was emptied"
                                            : "; the other " + std::to_string(emptied) +
                                                  " servers were emptied");
}

std::vector<Fact> MemcachedBackend::facts() {
    std::vector<Fact> facts;
    auto& servers = implementation_->servers();
    const auto outcomes = implementation_->converse_with_all<memcached::Inquiring>(
        [&](Server& server, Positions positions, std::span<Outcome> each) {
            const auto subject = servers.size() == 1 ? std::string{} : server.endpoint().name;
            return memcached::Inquiring{server, positions, each, subject, facts};
        });
    if (std::ranges::all_of(outcomes, &Outcome::failed)) throw_failures(outcomes);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const auto& name = servers[i].endpoint().name;
        if (!outcomes[i].failed()) {
            facts.push_back(net::fact_of(servers[i].record(), servers.size() == 1 ? "" : name));
            continue;
        }
        std::erase_if(facts, [&](const Fact& fact) { return fact.subject == name; });
        facts.push_back({name, "state", outcomes[i].failure().message()});
    }
    std::ranges::stable_sort(facts, {}, &Fact::subject);
    return facts;
}

std::vector<ServerState> MemcachedBackend::servers() {
    return net::states_of(implementation_->servers());
}

void MemcachedBackend::close() noexcept { implementation_->close_idle(); }

std::size_t MemcachedBackend::server_of(std::string_view key) const noexcept {
    return implementation_->placement().server_of(key);
}

namespace {

std::vector<std::uint32_t> parse_weights(const std::string& text, std::size_t hosts) {
    const auto expected =
        hosts == 1 ? "; expected is one number from 1 to 1000, for the only host"
                   : "; expected are " + std::to_string(hosts) +
                         " numbers from 1 to 1000 with commas between them, one for each host";
    const auto what = " is \"" + text + '"' + expected;
    const auto error = detail::wrong_option("weights", "option weights" + what, what);
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
          "its text protocol cannot send a user or a password", net::Part::login);
    std::vector<MemcachedServer> servers;
    if (url.hosts().empty()) {
        check(url.path().size() > 1, "the URL has neither a host nor the path of a socket");
        servers.push_back({.host = {}, .socket = url.path()});
    } else {
        check(url.path().empty() || url.path() == "/",
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
    net::take_options(url, options);
    options.max_item =
        url.take_size("max_item", options.max_item, smallest_item, memcached::largest_item);
    return std::make_shared<MemcachedBackend>(std::move(options), clock);
}

}  // namespace cachemodel
