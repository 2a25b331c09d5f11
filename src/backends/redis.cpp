// cachemodel: entries on a Redis server.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/redis.hpp>

#include <cachemodel/cache_url.hpp>
#include <cachemodel/error.hpp>

#include "backends/redis_commands.hpp"
#include "backends/redis_protocol.hpp"
#include "net/conversation.hpp"
#include "net/group.hpp"
#include "net/options.hpp"
#include "net/server_text.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <deque>
#include <exception>
#include <limits>
#include <numeric>
#include <system_error>
#include <utility>

namespace cachemodel {

namespace {

using net::Positions;

/// A listing of so many steps of about a thousand keys has no end: no server holds so many.
constexpr std::uint64_t most_steps = 10'000'000;

constexpr std::uint32_t most_databases = std::numeric_limits<std::int32_t>::max();

void check(bool sound, const std::string& problem, net::Part part = net::Part::location) {
    net::check(sound, "redis", problem, part);
}

/// In URLs of sockets an option, in others the path.
void check_database(bool sound, const std::string& problem) {
    net::check_option(sound, "redis", "db", problem);
}

net::Endpoint endpoint_of(const RedisOptions& options) {
    return net::checked_endpoint("redis", options.host, options.port, options.socket);
}

RedisOptions checked(RedisOptions options) {
    static_cast<void>(endpoint_of(options));
    net::check_options("redis", options);
    check_database(options.database <= most_databases, "database is not 0 to 2147483647");
    check(options.user.empty() || !options.password.empty(), "a user is given without a password",
          net::Part::login);
    return options;
}

std::vector<std::uint32_t> numbers_to(std::size_t count) {
    std::vector<std::uint32_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), std::uint32_t{0});
    return numbers;
}

}  // namespace

class RedisBackend::Implementation {
 public:
    Implementation(RedisOptions options, const Clock& clock)
        : options_(checked(std::move(options))),
          login_{options_.user, options_.password, options_.database},
          group_({endpoint_of(options_)}, net::limits_of(options_), clock) {
        capabilities_.lifetime_resolution = std::chrono::milliseconds{1};
        capabilities_.largest_value = redis::largest_value;
        capabilities_.shared = true;
        capabilities_.compare_and_set = true;
        capabilities_.token_per_write = false;
        capabilities_.atomic_increment = true;
        capabilities_.tells_lifetimes = true;
        capabilities_.lists_keys = true;
    }

    const RedisOptions& options() const noexcept { return options_; }
    const Capabilities& capabilities() const noexcept { return capabilities_; }
    const net::Endpoint& endpoint() { return group_.servers().front().endpoint(); }
    std::deque<net::Server>& servers() { return group_.servers(); }
    net::Server::Record record() { return group_.servers().front().record(); }
    void close_idle() noexcept { group_.close_idle(); }

    net::TimePoint deadline() const noexcept {
        return std::chrono::steady_clock::now() + options_.deadline;
    }

    /// Lets one conversation take place about `positions`.
    template <class Talk, class... Arguments>
    void converse(Positions positions, Arguments&&... arguments) {
        converse_until<Talk>(deadline(), positions, std::forward<Arguments>(arguments)...);
    }

    template <class Talk, class... Arguments>
    void converse_until(net::TimePoint deadline, Positions positions, Arguments&&... arguments) {
        if (positions.empty()) return;
        Talk talk{group_.servers().front(), positions, login_,
                  std::forward<Arguments>(arguments)...};
        net::Conversation* const talks[] = {&talk};
        net::run(talks, deadline, options_.deadline);
    }

    /// `Store::set` and `Store::add`.
    void store(Store how, Positions positions, std::span<const Entry> entries,
               std::span<Outcome> outcomes) {
        const auto limit = deadline();
        std::vector<std::uint32_t> outdated;
        converse_until<redis::Storing>(limit, positions, outcomes, how, entries, outdated);
        if (outdated.empty()) return;
        std::vector<std::string_view> keys(entries.size());
        for (const auto position : outdated) keys[position] = entries[position].key;
        std::vector<Outcome> removals(entries.size());
        converse_until<redis::Removing>(limit, outdated, removals, keys);
        for (const auto position : outdated) {
            // That an old value may be left is worse than what came before.
            if (removals[position].failed()) outcomes[position] = std::move(removals[position]);
        }
    }

    /// One about a single thing, with an outcome.
    template <class Talk, class... Arguments>
    Outcome ask(Arguments&&... arguments) {
        static constexpr std::uint32_t only[] = {0};
        Outcome outcome;
        converse<Talk>(only, std::span{&outcome, 1}, std::forward<Arguments>(arguments)...);
        return outcome;
    }

 private:
    const RedisOptions options_;
    const redis::Login login_;
    Capabilities capabilities_;
    net::Group group_;
};

RedisBackend::RedisBackend(RedisOptions options, const Clock& clock)
    : implementation_(std::make_unique<Implementation>(std::move(options), clock)) {}

RedisBackend::~RedisBackend() = default;

const Capabilities& RedisBackend::capabilities() const noexcept {
    return implementation_->capabilities();
}

void RedisBackend::get_many(std::span<const std::string_view> keys, ReadSink& sink) {
    implementation_->converse<redis::Reading>(numbers_to(keys.size()), keys, sink);
}

void RedisBackend::store_many(Store how, std::span<const Entry> entries,
                              std::span<Outcome> outcomes) {
    auto positions = numbers_to(entries.size());
    if (how == Store::set) {
        return implementation_->store(how, positions, entries, outcomes);
    }
    std::erase_if(positions, [&](std::uint32_t position) {
        const auto size = entries[position].value.size();
        const bool is_too_large = size > redis::largest_value;
        const bool is_of_no_read = how == Store::compare_and_set && entries[position].token == 0;
        if (is_too_large) {
            outcomes[position] =
                Failure{std::make_exception_ptr(ValueTooLarge{size, redis::largest_value})};
        } else if (is_of_no_read) {
            outcomes[position] = Outcome::declined_by_backend();
        }
        return is_too_large || is_of_no_read;
    });
    if (how == Store::add) {
        implementation_->store(how, positions, entries, outcomes);
    } else {
        implementation_->converse<redis::Swapping>(positions, outcomes, entries);
    }
}

void RedisBackend::remove_many(std::span<const std::string_view> keys,
                               std::span<Outcome> outcomes) {
    implementation_->converse<redis::Removing>(numbers_to(keys.size()), outcomes, keys);
}

void RedisBackend::touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                              std::span<Outcome> outcomes) {
    implementation_->converse<redis::Touching>(numbers_to(keys.size()), outcomes, keys, lifetime);
}

Outcome RedisBackend::increment(std::string_view key, std::int64_t delta, std::int64_t& value) {
    return implementation_->ask<redis::Counting>(key, delta, value);
}

Outcome RedisBackend::remaining_lifetime(std::string_view key, Lifetime& left) {
    return implementation_->ask<redis::Timing>(key, left);
}

void RedisBackend::list_keys(std::string_view prefix, KeySink& sink) {
    const auto pattern = redis::pattern_of(prefix);
    std::string cursor{"0"};
    // Among the cursors of a listing none comes twice. One of them is remembered, and a later one
    // after each doubling of the steps: a circle of any length shows.
    std::string remembered;
    for (std::uint64_t step = 1;; ++step) {
        if (cursor == remembered || step == most_steps) {
            const auto& name = implementation_->endpoint().name;
            throw BackendError{BackendFault::protocol, name + ": a listing of keys without an end"};
        }
        if (std::has_single_bit(step)) remembered = cursor;
        std::vector<std::string> keys;
        const auto outcome = implementation_->ask<redis::Scanning>(pattern, cursor, keys);
        if (outcome.failed()) outcome.failure().rethrow();
        std::ranges::sort(keys);
        keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
        for (const auto& key : keys) {
            if (key.starts_with(prefix)) sink.key(key);
        }
        if (cursor == "0") return;
    }
}

void RedisBackend::clear() {
    const auto outcome = implementation_->ask<redis::Flushing>();
    if (outcome.failed()) outcome.failure().rethrow();
}

void RedisBackend::close() noexcept { implementation_->close_idle(); }

std::vector<Fact> RedisBackend::facts() {
    std::string info;
    const auto outcome = implementation_->ask<redis::Inquiring>(info);
    if (outcome.failed()) outcome.failure().rethrow();
    auto facts = redis::facts_of(info, implementation_->options().database);
    facts.push_back(net::fact_of(implementation_->record(), {}));
    return facts;
}

std::vector<ServerState> RedisBackend::servers() {
    return net::states_of(implementation_->servers());
}

namespace {

/// `text` is what the URL says, and "" where it says nothing.
std::uint32_t parse_database(std::string_view text) {
    if (text.empty()) return 0;
    std::uint32_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    check_database(
        error == std::errc{} && stopped == end && number <= most_databases,
        "the database \"" + std::string{text} + "\" is not a number from 0 to 2147483647");
    return number;
}

void take_server(CacheUrl& url, RedisOptions& options) {
    check(!url.hosts().empty(),
          "the URL has no host; a unix socket is redis+unix:///run/redis.sock");
    check(url.hosts().size() == 1, "the URL has several hosts; this backend uses one server");
    options.host = url.hosts().front().name;
    options.port = url.hosts().front().port.value_or(options.port);
    const std::string_view path{url.path()};
    options.database = parse_database(path.substr(path.empty() ? 0 : 1));
}

void take_socket(CacheUrl& url, RedisOptions& options) {
    check(url.hosts().empty() && url.path().size() > 1,
          "the URL of a unix socket has its path and no host: redis+unix:///run/redis.sock");
    options.socket = url.path();
    options.database = static_cast<std::uint32_t>(url.take_integer("db", 0, 0, most_databases));
}

}  // namespace

std::shared_ptr<Backend> open_redis(CacheUrl& url, const Clock& clock) {
    check(url.scheme() != "rediss",
          "rediss:// is TLS, which would need hiredis_ssl (hiredis 1.0 or later), and cachemodel "
          "does not use it yet; use a tunnel or a unix socket",
          net::Part::scheme);
    RedisOptions options;
    options.user = url.user();
    options.password = url.password();
    if (url.scheme() == "redis+unix") {
        take_socket(url, options);
    } else {
        take_server(url, options);
    }
    net::take_options(url, options);
    return std::make_shared<RedisBackend>(std::move(options), clock);
}

}  // namespace cachemodel
