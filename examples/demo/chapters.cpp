// cachemodel: the demo: what it shows, chapter by chapter.
// SPDX-License-Identifier: MIT
#include "demo/chapters.hpp"

#include "demo/addresses.hpp"
#include "demo/models.hpp"

#include <cachemodel/backend.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/statistics.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <latch>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace demo {

namespace {

using cachemodel::Models;
using cachemodel::Statistics;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

using Countries = Models<Country, Source&>;
using Subdivisions = Models<Subdivision, Source&>;
using Currencies = Models<Currency, Source&>;
using Languages = Models<Language, Source&>;

constexpr auto right = Column::Align::right;

constexpr std::size_t places = 200;  // whose addresses are located
constexpr std::size_t threads = 16;

/// A service reads in pages too.
constexpr std::size_t page = 1'000;

/// What happened since it was made.
class Measurement {
 public:
    explicit Measurement(const Stage& stage)
        : stage_(stage),
          before_(stage.cache.statistics()),
          queries_before_(stage.source.queries()),
          begin_(steady_clock::now()) {}

    nanoseconds elapsed() const { return steady_clock::now() - begin_; }
    std::uint64_t hits() const { return now().hits - before_.hits; }
    std::uint64_t loads() const { return now().loads - before_.loads; }
    std::uint64_t round_trips() const { return now().round_trips - before_.round_trips; }
    std::uint64_t stores() const { return now().stores - before_.stores; }
    std::uint64_t read_failures() const { return now().read_failures - before_.read_failures; }
    std::uint64_t joined() const { return now().joined - before_.joined; }
    std::uint64_t queries() const { return stage_.source.queries() - queries_before_; }

 private:
    Statistics now() const { return stage_.cache.statistics(); }

    const Stage& stage_;
    Statistics before_;
    std::uint64_t queries_before_;
    steady_clock::time_point begin_;
};

/// All of a list, page by page.
template <class Door>
void read_all(const Door& door, std::span<const std::string> codes) {
    while (!codes.empty()) {
        const auto now = codes.first(std::min(codes.size(), page));
        for (const auto& each : door.get_many(now)) {
            if (!each.found()) throw std::logic_error{"an object of the source was not found"};
        }
        codes = codes.subspan(now.size());
    }
}

/// Every `step`th, at most `count`.
std::vector<std::string> sample(const std::vector<std::string>& codes, std::size_t count) {
    std::vector<std::string> chosen;
    const std::size_t step = std::max<std::size_t>(codes.size() / count, 1);
    for (std::size_t i = 0; i < codes.size() && chosen.size() < count; i += step) {
        chosen.push_back(codes[i]);
    }
    return chosen;
}

template <class M>
void add_everything_twice(const Stage& stage, const char* table, Table& output) {
    const auto codes = stage.source.codes(table);
    const Models<M, Source&> door{stage.cache, stage.source};

    const Measurement cold{stage};
    read_all(door, codes);
    const auto cold_time = cold.elapsed();
    const auto loads = cold.loads();
    const auto queries = cold.queries();

    const Measurement warm{stage};
    read_all(door, codes);
    const auto warm_time = warm.elapsed();

    output.rows.push_back({{table},
                           {with_separators(codes.size())},
                           {rounded(cold_time)},
                           {with_separators(loads)},
                           {with_separators(queries)},
                           {rounded(warm_time)},
                           {with_separators(warm.hits())},
                           {times(cold_time, warm_time), Look::good}});
}

template <class M>
void add_single_gets(const Stage& stage, const char* table, Table& output) {
    constexpr std::size_t count = 100;
    const auto codes = sample(stage.source.codes(table), count);
    const Models<M, Source&> door{stage.cache, stage.source};
    const auto get_all = [&] {
        for (const auto& code : codes) static_cast<void>(door.get(code));
    };
    for (const auto& code : codes) door.remove(code);

    const Measurement cold{stage};
    get_all();
    const auto cold_time = cold.elapsed() / codes.size();
    const auto queries = cold.queries();

    const Measurement warm{stage};
    get_all();
    const auto warm_time = warm.elapsed() / codes.size();

    output.rows.push_back({{table},
                           {with_separators(codes.size())},
                           {rounded(cold_time)},
                           {with_separators(queries)},
                           {rounded(warm_time)},
                           {with_separators(warm.queries())},
                           {times(cold_time, warm_time), Look::good}});
}

template <class M>
void remove_all(const Stage& stage, const char* table) {
    const Models<M, Source&> door{stage.cache, stage.source};
    const auto codes = stage.source.codes(table);
    for (std::span<const std::string> rest{codes}; !rest.empty();) {
        const auto now = rest.first(std::min(rest.size(), page));
        for (const auto& outcome : door.remove_many(now)) {
            if (outcome.failed()) outcome.failure().rethrow();
        }
        rest = rest.subspan(now.size());
    }
}

/// The bytes that the cache has under one model key.
std::string stored_bytes(const cachemodel::Cache& cache, std::string_view key) {
    struct Sink final : cachemodel::ReadSink {
        void found(std::size_t, std::string_view value, std::uint64_t) noexcept override {
            bytes = value;
        }
        void absent(std::size_t) noexcept override {}
        void failed(std::size_t, const cachemodel::Failure&) noexcept override {}
        std::string bytes;
    } sink;
    cache.read_many(std::span{&key, 1}, sink);
    return std::move(sink.bytes);
}

/// As `hexdump -C` shows them.
std::vector<std::string> hex_dump(std::string_view bytes) {
    constexpr std::size_t bytes_per_line = 16;
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < bytes.size(); begin += bytes_per_line) {
        std::array<char, 8> buffer{};
        std::snprintf(buffer.data(), buffer.size(), "%04x ", static_cast<unsigned>(begin));
        std::string line = buffer.data();
        std::string readable;
        for (std::size_t i = begin; i < begin + bytes_per_line; ++i) {
            if (i >= bytes.size()) {
                line += "   ";
                continue;
            }
            std::snprintf(buffer.data(), buffer.size(), " %02x",
                          static_cast<unsigned>(static_cast<unsigned char>(bytes[i])));
            line += buffer.data();
            readable += bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.';
        }
        lines.push_back(line + "  " + readable);
    }
    return lines;
}

Locate locate_with(const Stage& stage) {
    return Locate{stage.cache, {.expires = std::chrono::minutes{10}}};
}

/// All of them, one after the other.
template <class Call>
void locate_all(const std::vector<Address>& addresses, Call call) {
    for (const auto& address : addresses) {
        if (call(address).code.empty()) throw std::logic_error{"an address was not found"};
    }
}

void invalidate_all(const std::vector<Address>& addresses, const Locate& locate) {
    for (const auto& address : addresses) locate.invalidate(address);
}

std::vector<Cell> located(const char* how, std::size_t calls, const Measurement& measured) {
    const auto time = measured.elapsed();
    return {{how},
            {with_separators(calls)},
            {with_separators(measured.loads())},
            {with_separators(measured.queries())},
            {with_separators(measured.round_trips())},
            {rounded(time)},
            {rounded(time / calls)}};
}

/// What is read again and again in the last chapter.
struct Reading {
    const char* verb;
    std::size_t count;
    std::function<bool(std::size_t)> is_right;  // reads one and compares it with the source's
};

/// Reads everything and adds a row. True where nobody noticed anything.
bool add_phase(const Stage& stage, const char* what, const Reading& reading, Table& output) {
    std::uint64_t exceptions = 0;
    std::uint64_t wrong = 0;
    const Measurement measured{stage};
    for (std::size_t i = 0; i < reading.count; ++i) {
        try {
            if (!reading.is_right(i)) ++wrong;
        } catch (const cachemodel::Error&) {
            ++exceptions;
        }
    }
    const auto each = measured.elapsed() / reading.count;
    output.rows.push_back({{what},
                           {reading.verb},
                           {with_separators(measured.hits())},
                           {with_separators(measured.loads())},
                           {with_separators(measured.read_failures())},
                           {with_separators(exceptions), exceptions == 0 ? Look::good : Look::bad},
                           {with_separators(wrong), wrong == 0 ? Look::good : Look::bad},
                           {rounded(each)}});
    return exceptions == 0 && wrong == 0;
}

}  // namespace

void show_source(Stage& stage, const RowCounts& rows, nanoseconds import_time,
                 nanoseconds latency) {
    stage.screen.heading("The source of truth: Debian's iso-codes, in an SQLite database");
    stage.screen.table({{{"table"}, {"rows", right}, {"what"}},
                        {{"country", with_separators(rows.countries), "ISO 3166-1"},
                         {"subdivision", with_separators(rows.subdivisions),
                          "ISO 3166-2; " + with_separators(rows.subdivisions_with_parent) +
                              " of them are part of another one"},
                         {"currency", with_separators(rows.currencies), "ISO 4217"},
                         {"language", with_separators(rows.languages), "ISO 639-3"}}});
    stage.screen.paragraph(
        "Read from JSON and written in " + rounded(import_time) + ". " +
        (latency > nanoseconds::zero()
             ? "From here on each query waits " + exact(latency) +
                   " before it is run, as it would for a database on the network; "
                   "--source-latency 0 turns that off."
             : "Queries are run at once, without the way to a database on the network."));
}

void show_everything_twice(Stage& stage) {
    stage.screen.heading("1. Reading everything, twice");
    stage.screen.paragraph(
        "get_many in pages of " + with_separators(page) +
        ". Cold, the cache is empty: what it does not have is loaded from the source, " +
        with_separators(Source::codes_per_query) +
        " to a query, and stored. Warm, the source is not asked. A subdivision comes with its "
        "parent and its country, which are hits too.");
    Table table{{{"model"},
                 {"objects", right},
                 {"cold", right},
                 {"loads", right},
                 {"queries", right},
                 {"warm", right},
                 {"hits", right},
                 {"faster", right}},
                {}};
    add_everything_twice<Country>(stage, "country", table);
    add_everything_twice<Subdivision>(stage, "subdivision", table);
    add_everything_twice<Currency>(stage, "currency", table);
    add_everything_twice<Language>(stage, "language", table);
    stage.screen.table(table);
}

void show_single_gets(Stage& stage) {
    stage.screen.heading("2. One at a time");
    stage.screen.paragraph("get for some of them, which were removed from the cache before.");
    Table table{{{"model"},
                 {"gets", right},
                 {"cold, each", right},
                 {"queries", right},
                 {"warm, each", right},
                 {"queries", right},
                 {"faster", right}},
                {}};
    add_single_gets<Country>(stage, "country", table);
    add_single_gets<Subdivision>(stage, "subdivision", table);
    add_single_gets<Currency>(stage, "currency", table);
    add_single_gets<Language>(stage, "language", table);
    stage.screen.table(table);
}

void show_references(Stage& stage) {
    const Subdivisions subdivisions{stage.cache, stage.source};
    const Countries countries{stage.cache, stage.source};
    stage.screen.heading("3. One subdivision, with its parent and its country");

    const Measurement warm{stage};
    const auto department = subdivisions.get("FR-13");
    const auto warm_time = warm.elapsed();
    const auto warm_trips = warm.round_trips();
    const auto warm_queries = warm.queries();

    stage.screen.table(
        {{{"C++"}, {"value"}},
         {{"department.name", *department.name},
          {"department.type", *department.type},
          {"department.parent->name", *department.parent->name},
          {"department.parent->type", *department.parent->type},
          {"department.country->name", *department.country->name},
          {"department.parent->country->alpha_3", *department.parent->country->alpha_3}}});

    subdivisions.remove("FR-13");
    subdivisions.remove("FR-PAC");
    countries.remove("FR");
    const Measurement cold{stage};
    static_cast<void>(subdivisions.get("FR-13"));
    const auto cold_time = cold.elapsed();
    const auto cold_trips = cold.round_trips();
    const auto cold_queries = cold.queries();

    const auto codes = sample(stage.source.codes("subdivision"), 200);
    const Measurement many{stage};
    static_cast<void>(subdivisions.get_many(codes));
    const auto many_time = many.elapsed();

    stage.screen.paragraph(
        "References are loaded level by level: all that are needed next, of all classes, in one "
        "round trip, and no object twice.");
    stage.screen.table(
        {{{"read"}, {"round trips", right}, {"queries", right}, {"time", right}},
         {{"FR-13, warm", with_separators(warm_trips), with_separators(warm_queries),
           rounded(warm_time)},
          {"FR-13, when none of its three objects is cached", with_separators(cold_trips),
           with_separators(cold_queries), rounded(cold_time)},
          {"200 subdivisions and all they refer to, warm", with_separators(many.round_trips()),
           with_separators(many.queries()), rounded(many_time)}}});
}

void show_key_and_entry(Stage& stage) {
    const Subdivisions subdivisions{stage.cache, stage.source};
    static_cast<void>(subdivisions.get("FR-13"));
    const auto key = subdivisions.key_for("FR-13");
    const auto bytes = stored_bytes(stage.cache, key);

    stage.screen.heading("4. What a key and an entry look like");
    stage.screen.table({{{""}, {""}},
                        {{"key of the model", key},
                         {"key in the cache", stage.cache.final_key(key)},
                         {"entry", with_separators(bytes.size()) + " bytes"}}});

    // The key stands in the entry in full; the body is between it and the checksum.
    constexpr std::size_t checksum_size = 8;
    const std::size_t key_begin = bytes.find(key);
    if (key_begin == std::string::npos) {
        stage.screen.paragraph("This cache did not keep the entry, so there is none to show.");
        return;
    }
    stage.screen.paragraph(
        "The entry: what it is and when it was written, its key, the members in CBOR, a checksum.");
    stage.screen.lines(hex_dump(bytes));
    const std::size_t body_begin = key_begin + key.size();
    const std::string body = bytes.substr(body_begin, bytes.size() - body_begin - checksum_size);
    stage.screen.paragraph(
        "The members, as another program's CBOR reader (nlohmann::json) sees them; a reference is "
        "its target's keys:");
    Table members{{{"member"}, {"value"}}, {}};
    const auto values = nlohmann::ordered_json::from_cbor(body);
    for (const auto& [name, value] : values.items()) {
        members.rows.push_back({{name}, {value.dump()}});
    }
    stage.screen.table(members);
}

void show_cached_method(Stage& stage) {
    stage.screen.heading("5. A slow method: where is this address?");
    stage.screen.paragraph(
        "Address::locate asks the source for a subdivision by its name, and then for what is above "
        "it. Its results are kept under the members that one declaration names; whoever lives in "
        "another street there shares them:");
    stage.screen.lines(
        {"CachedMethod<&Address::locate, &Address::subdivision, &Address::country>"});

    const auto locate = locate_with(stage);
    const Address address{"Via Toledo 1", "Napoli", "Italy", &stage.source};
    const auto location = locate(address);
    stage.screen.table({{{"C++"}, {"value"}},
                        {{"address.street", address.street},
                         {"address.subdivision", address.subdivision},
                         {"address.country", address.country},
                         {"locate(address).code", location.code},
                         {"locate(address).path", location.path}}});
    stage.screen.paragraph("The key of this call:");
    stage.screen.lines({locate.key_for(address)});

    const auto addresses = sample_addresses(stage.source, places);
    const auto count = addresses.size();
    stage.screen.paragraph(with_separators(count) + " addresses in " + with_separators(places) +
                           " places:");
    Table table{{{"locate"},
                 {"calls", right},
                 {"runs", right},
                 {"queries", right},
                 {"round trips", right},
                 {"time", right},
                 {"each", right}},
                {}};
    {
        const Measurement measured{stage};
        locate_all(addresses, [](const Address& each) { return each.locate(); });
        auto row = located("the method itself", count, measured);
        row[2] = with_separators(count);  // nobody counted
        table.rows.push_back(std::move(row));
    }
    {
        const Measurement measured{stage};
        locate_all(addresses, [&](const Address& each) { return locate(each); });
        table.rows.push_back(located("one by one, cold", count, measured));
    }
    {
        const Measurement measured{stage};
        locate_all(addresses, [&](const Address& each) { return locate(each); });
        table.rows.push_back(located("one by one, warm", count, measured));
    }
    invalidate_all(addresses, locate);
    for (const char* how : {"prefetch, cold", "prefetch, warm"}) {
        const Measurement measured{stage};
        for (const auto& each : locate.prefetch(addresses)) {
            if (each->code.empty()) throw std::logic_error{"an address was not found"};
        }
        table.rows.push_back(located(how, count, measured));
    }
    stage.screen.table(table);

    locate.invalidate(address);
    std::latch start{threads};
    std::vector<std::jthread> callers;
    const Measurement measured{stage};
    for (std::size_t i = 0; i < threads; ++i) {
        callers.emplace_back([&] {
            start.arrive_and_wait();
            static_cast<void>(locate(address));
        });
    }
    callers.clear();
    stage.screen.paragraph(with_separators(threads) +
                           " threads ask at once for one address that is not in the cache: " +
                           with_separators(measured.loads()) + " runs locate, " +
                           with_separators(measured.joined()) + " wait for its result, " +
                           with_separators(measured.hits()) + " find it stored.");
}

void show_failure(Stage& stage) {
    stage.screen.heading("7. What happens when the cache dies in the middle");
    if (stage.server == nullptr && stage.unpluggable == nullptr) {
        stage.screen.paragraph(
            "The demo did not start this cache, so it does not kill it either. See it with "
            "--cache memcached.");
        return;
    }
    const Languages languages{stage.cache, stage.source};
    const auto codes = sample(stage.source.codes("language"), 100);
    std::vector<std::string> names(codes.size());
    stage.source.look_up("language", "code, name", codes, [&](const Statement& row) {
        const auto place = std::find(codes.begin(), codes.end(), row.text(0)) - codes.begin();
        names[static_cast<std::size_t>(place)] = row.text(1);
    });
    const auto locate = locate_with(stage);
    const auto addresses = sample_addresses(stage.source, places / 4);
    std::vector<Location> locations;
    for (const auto& address : addresses) locations.push_back(locate.bypass(address));

    stage.screen.paragraph(
        with_separators(codes.size()) + " languages and " + with_separators(addresses.size()) +
        (stage.server != nullptr
             ? " addresses are read again and again. Meanwhile the demo's memcached is killed "
               "(SIGKILL), and started again, empty."
             : " addresses are read again and again. There is no server to kill with a cache in "
               "memory, so meanwhile the demo unplugs the backend: every call of it fails. With "
               "--cache memcached a real server is killed."));

    Table table{{{"the cache"},
                 {"call"},
                 {"hits", right},
                 {"loads", right},
                 {"failures", right},
                 {"exceptions", right},
                 {"wrong", right},
                 {"each", right}},
                {}};
    const Reading gets{"get", codes.size(),
                       [&](std::size_t i) { return languages.get(codes[i]).name == names[i]; }};
    const Reading calls{"locate", addresses.size(),
                        [&](std::size_t i) { return locate(addresses[i]) == locations[i]; }};
    bool sound = true;
    const auto show = [&](const char* what) {
        sound = add_phase(stage, what, gets, table) && sound;
        sound = add_phase(stage, "", calls, table) && sound;
    };
    show("runs");
    if (stage.server != nullptr) {
        stage.server->kill();
        show("is killed");
        stage.server->start();
    } else {
        stage.unpluggable->unplug();
        show("is unplugged");
        stage.unpluggable->plug_in();
    }
    // A server that failed is left alone for a while.
    const auto patience = steady_clock::now() + std::chrono::seconds{5};
    const Measurement recovery{stage};
    while (recovery.hits() == 0 && steady_clock::now() < patience) {
        static_cast<void>(languages.get(codes.front()));
    }
    const auto recovered_after = recovery.elapsed();
    show(stage.server != nullptr ? "is back" : "is plugged in");
    show("… once more");
    stage.screen.table(table);
    stage.screen.paragraph(
        "A failure is a key about which the cache could not tell: the object or result comes "
        "from the source, is not written back, and no exception is thrown. " +
        (stage.server != nullptr
             ? "The server was used again " + rounded(recovered_after) + " after it was started."
             : std::string{}));
    if (!sound) throw std::runtime_error{"a dead cache must not be noticed, and it was"};
}

void remove_everything(Stage& stage) {
    remove_all<Country>(stage, "country");
    remove_all<Subdivision>(stage, "subdivision");
    remove_all<Currency>(stage, "currency");
    remove_all<Language>(stage, "language");
    const auto locate = locate_with(stage);
    invalidate_all(sample_addresses(stage.source, places), locate);
    locate.invalidate({"", "Napoli", "Italy"});
    remove_rates(stage);
}

}  // namespace demo
