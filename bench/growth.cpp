// cachemodel: what calls cost as the payload, the batch, the model or the number of servers grows.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/detail/reflect.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bare_socket.hpp"
#include "comparison.hpp"
#include "support/memcached_server.hpp"

namespace town {

using cachemodel::Field;
using cachemodel::Key;

struct Letter {
    Key<std::int64_t> number;
    Field<std::string> text;

    bool operator==(const Letter&) const = default;
};

Letter letter(std::size_t number, std::size_t bytes) {
    return {.number = static_cast<std::int64_t>(number), .text = std::string(bytes, 'x')};
}

// Models that differ in nothing but how many members they have.
#define FOUR_MEMBERS(number)             \
    Field<std::string> purpose_##number; \
    Field<std::int64_t> area_##number;   \
    Field<double> latitude_##number;     \
    Field<std::vector<std::string>> rooms_##number
#define TEN_MEMBERS(number)             \
    FOUR_MEMBERS(number##0);            \
    FOUR_MEMBERS(number##1);            \
    Field<std::string> remark_##number; \
    Field<std::int64_t> floor_##number

struct Two {
    Key<std::int64_t> number;
    Field<std::string> owner;
};
struct Five {
    Key<std::int64_t> number;
    FOUR_MEMBERS(0);
};
struct Ten {
    Key<std::int64_t> number;
    Field<std::string> owner;
    FOUR_MEMBERS(0);
    FOUR_MEMBERS(1);
};
struct Twenty {
    Key<std::int64_t> number;
    Field<std::string> owner;
    FOUR_MEMBERS(0);
    FOUR_MEMBERS(1);
    TEN_MEMBERS(2);
};
struct Fifty {
    Key<std::int64_t> number;
    Field<std::string> owner;
    FOUR_MEMBERS(0);
    FOUR_MEMBERS(1);
    TEN_MEMBERS(2);
    TEN_MEMBERS(3);
    TEN_MEMBERS(4);
    TEN_MEMBERS(5);
};
struct Hundred {
    Key<std::int64_t> number;
    Field<std::string> owner;
    FOUR_MEMBERS(0);
    FOUR_MEMBERS(1);
    TEN_MEMBERS(2);
    TEN_MEMBERS(3);
    TEN_MEMBERS(4);
    TEN_MEMBERS(5);
    TEN_MEMBERS(6);
    TEN_MEMBERS(7);
    TEN_MEMBERS(8);
    TEN_MEMBERS(9);
    TEN_MEMBERS(10);
};

#undef FOUR_MEMBERS
#undef TEN_MEMBERS

void fill(Key<std::int64_t>& number) { number = 7; }
void fill(Field<std::string>& text) { text = "storage of maps, 1780 to 1890"; }
void fill(Field<std::int64_t>& number) { number = 84'250'000; }
void fill(Field<double>& number) { number = 51.51279; }
void fill(Field<std::vector<std::string>>& texts) { texts = {"reading room", "workshop"}; }

template <class Model, std::size_t... I>
void fill_all(Model& model, std::index_sequence<I...>) {
    (fill(cachemodel::detail::member<I>(model)), ...);
}

}  // namespace town

namespace {

using namespace cachemodel;
using namespace town;
using bench::BareSocket;
using support::RealMemcached;

// Large sizes, and machines that do something else as well, are no failures here.
const char* const deadline = "?deadline=5s";
const std::vector<std::string> server_options{"-t", "1", "-m", "512"};

/// What reads a batch of letters, what the server answers, and what writes them again.
struct Wire {
    Wire(const RealMemcached& server, const std::vector<std::string>& keys) {
        get = "get";
        for (const auto& key : keys) get += ' ' + key;
        get += "\r\n";
        got = server.ask(get, "END\r\n");

        std::string_view rest{got};
        for (const auto& key : keys) {
            const auto line = rest.substr(0, rest.find("\r\n"));
            const auto size = std::string{line.substr(line.rfind(' ') + 1)};
            rest.remove_prefix(line.size() + 2);
            const auto value = rest.substr(0, std::stoul(size) + 2);
            rest.remove_prefix(value.size());
            set += "ms " + key + ' ' + size + " q\r\n";
            set += value;
        }
        set += "mn\r\n";
    }

    std::string get;
    std::string got;
    std::string set;
};
const std::string_view set_answer = "MN\r\n";

/// The limit: sends what was made before, and takes as many bytes as are known to come back.
std::string_view ask(BareSocket& bare, std::string_view request, std::size_t size_of_answer) {
    bare.send(request);
    return bare.receive(size_of_answer);
}

std::vector<std::string> keys_of(const Cache& cache, const Models<Letter>& letters,
                                 const std::vector<Letter>& batch) {
    std::vector<std::string> keys;
    for (const auto& each : batch) keys.push_back(cache.final_key(letters.key_for(each)));
    return keys;
}

/// Saves so many letters.
std::vector<Letter> saved_letters(const Models<Letter>& letters, std::size_t count,
                                  std::size_t bytes) {
    std::vector<Letter> batch;
    for (std::size_t i = 0; i < count; ++i) batch.push_back(letter(i, bytes));
    for (const auto& outcome : letters.save_many(batch)) {
        if (!outcome.done()) outcome.failure().rethrow();
    }
    return batch;
}

auto is_equal_to(const Letter& expected) {
    return [&expected](const Letter& given) { return given == expected; };
}

auto are_found(const std::vector<Letter>& expected) {
    return [&expected](const std::vector<Lookup<Letter>>& given) {
        return std::equal(given.begin(), given.end(), expected.begin(), expected.end(),
                          [](const auto& lookup, const Letter& each) {
                              return lookup.found() && *lookup == each;
                          });
    };
}

bool are_done(const std::vector<Outcome>& outcomes) {
    return std::all_of(outcomes.begin(), outcomes.end(),
                       [](const Outcome& outcome) { return outcome.done(); });
}

bool is_done(bool done) { return done; }

void measure_payload(const bench::Settings& settings) {
    const RealMemcached server{support::Transport::unix_socket, server_options};
    BareSocket bare{server.address()};
    const Cache cache = Cache::open(server.url() + deadline);
    const Models<Letter> letters{cache};
    const Models<Letter> in_memory{Cache::open("memory://")};

    bench::Growth reading{"get", "payload, bytes"};
    bench::Growth saving{"save", "payload, bytes"};
    for (const std::size_t bytes : {100u, 1'000u, 10'000u, 100'000u, 1'000'000u}) {
        const auto saved = saved_letters(letters, 1, bytes);
        in_memory.save(saved[0]);
        const Wire wire{server, keys_of(cache, letters, saved)};

        bench::Comparison get{"get of " + std::to_string(bytes) + " bytes"};
        get.add(
            "bare socket", [&](std::string_view got) { return got == wire.got; },
            [&] { return ask(bare, wire.get, wire.got.size()); });
        get.add("cachemodel, memcached", is_equal_to(saved[0]), [&] { return letters.get(0); });
        get.add("cachemodel, memory", is_equal_to(saved[0]), [&] { return in_memory.get(0); });
        reading.measure(bytes, get, settings);

        bench::Comparison save{"save of " + std::to_string(bytes) + " bytes"};
        save.add(
            "bare socket", [](std::string_view got) { return got == set_answer; },
            [&] { return ask(bare, wire.set, set_answer.size()); });
        save.add("cachemodel, memcached", is_done, [&] { return letters.save(saved[0]), true; });
        save.add("cachemodel, memory", is_done, [&] { return in_memory.save(saved[0]), true; });
        saving.measure(bytes, save, settings);
    }
    reading.print(settings);
    saving.print(settings);
}

void measure_batch(const bench::Settings& settings) {
    constexpr std::size_t bytes = 200;
    const RealMemcached server{support::Transport::unix_socket, server_options};
    BareSocket bare{server.address()};
    const Cache cache = Cache::open(server.url() + deadline);
    const Models<Letter> letters{cache};

    bench::Growth reading{"get_many, each of 200 bytes", "models in a call"};
    bench::Growth saving{"save_many, each of 200 bytes", "models in a call"};
    for (const std::size_t count : {1u, 10u, 100u, 1'000u, 10'000u}) {
        const auto saved = saved_letters(letters, count, bytes);
        const Wire wire{server, keys_of(cache, letters, saved)};

        bench::Comparison get{"get_many of " + std::to_string(count)};
        get.add(
            "bare socket", [&](std::string_view got) { return got == wire.got; },
            [&] { return ask(bare, wire.get, wire.got.size()); }, count);
        get.add(
            "cachemodel", are_found(saved), [&] { return letters.get_many(saved); }, count);
        reading.measure(count, get, settings);

        bench::Comparison save{"save_many of " + std::to_string(count)};
        save.add(
            "bare socket", [](std::string_view got) { return got == set_answer; },
            [&] { return ask(bare, wire.set, set_answer.size()); }, count);
        save.add(
            "cachemodel", are_done, [&] { return letters.save_many(saved); }, count);
        saving.measure(count, save, settings);
    }
    reading.print(settings);
    saving.print(settings);
}

template <class Model>
void measure_model(const bench::Settings& settings, bench::Growth& growth) {
    constexpr std::size_t members = cachemodel::detail::member_count<Model>;
    Model model;
    fill_all(model, std::make_index_sequence<members>{});
    const Models<Model> models{Cache::open("memory://")};
    models.save(model);

    bench::Comparison calls{std::to_string(members) + " members"};
    calls.add(
        "get", [](const Model& got) { return *got.number == 7; }, [&] { return models.get(7); });
    calls.add("save", is_done, [&] { return models.save(model), true; });
    growth.measure(members, calls, settings);
}

void measure_members(const bench::Settings& settings) {
    bench::Growth growth{"a model on the memory backend", "members"};
    measure_model<Two>(settings, growth);
    measure_model<Five>(settings, growth);
    measure_model<Ten>(settings, growth);
    measure_model<Twenty>(settings, growth);
    measure_model<Fifty>(settings, growth);
    measure_model<Hundred>(settings, growth);
    growth.print(settings);
}

void measure_servers(const bench::Settings& settings) {
    constexpr std::size_t count = 100;
    constexpr std::size_t bytes = 200;
    bench::Growth reading{"get_many(100) from several servers, each of 200 bytes", "servers"};
    bench::Growth saving{"save_many(100) to several servers, each of 200 bytes", "servers"};
    std::deque<RealMemcached> servers;
    for (const std::size_t wanted : {1u, 2u, 4u, 8u}) {
        MemcachedOptions options{.servers = {}, .deadline = std::chrono::seconds{5}};
        std::deque<BareSocket> bare;
        while (servers.size() < wanted) {
            servers.emplace_back(support::Transport::unix_socket, server_options);
        }
        for (const auto& server : servers) {
            options.servers.push_back(server.address());
            bare.emplace_back(server.address());
        }
        const auto backend = std::make_shared<MemcachedBackend>(options);
        const Cache cache{backend};
        const Models<Letter> letters{cache};
        const auto saved = saved_letters(letters, count, bytes);

        std::vector<std::vector<std::string>> keys(wanted);
        for (const auto& key : keys_of(cache, letters, saved)) {
            keys[backend->server_of(key)].push_back(key);
        }
        std::vector<Wire> wires;
        for (std::size_t i = 0; i < wanted; ++i) wires.emplace_back(servers[i], keys[i]);

        // All of them are asked before the first one's answer is read.
        bench::Comparison get{"get_many from " + std::to_string(wanted)};
        get.add(
            "bare sockets", is_done,
            [&] {
                bool is_right = true;
                for (std::size_t i = 0; i < wanted; ++i) bare[i].send(wires[i].get);
                for (std::size_t i = 0; i < wanted; ++i) {
                    const auto size = wires[i].got.size();
                    is_right &= bare[i].receive(size).ends_with("END\r\n");
                }
                return is_right;
            },
            count);
        get.add(
            "cachemodel", are_found(saved), [&] { return letters.get_many(saved); }, count);
        reading.measure(wanted, get, settings);

        bench::Comparison save{"save_many to " + std::to_string(wanted)};
        save.add(
            "bare sockets", is_done,
            [&] {
                bool is_right = true;
                for (std::size_t i = 0; i < wanted; ++i) bare[i].send(wires[i].set);
                for (auto& socket : bare) {
                    is_right &= socket.receive(set_answer.size()) == set_answer;
                }
                return is_right;
            },
            count);
        save.add(
            "cachemodel", are_done, [&] { return letters.save_many(saved); }, count);
        saving.measure(wanted, save, settings);
    }
    reading.print(settings);
    saving.print(settings);
}

}  // namespace

int main(int count, char** arguments) {
    try {
        auto settings = bench::Settings::from_arguments(count, arguments);
        // The largest sizes take long, and curves need less precision than candidates.
        settings.rounds = std::max<std::size_t>(7, settings.rounds / 4);
        bench::print_circumstances(settings);
        measure_payload(settings);
        measure_batch(settings);
        measure_members(settings);
        measure_servers(settings);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
