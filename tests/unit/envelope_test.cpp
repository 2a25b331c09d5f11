// cachemodel: whole entries: sound, cut, flipped, foreign, of another key, over.
// SPDX-License-Identifier: MIT
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

#include <cachemodel/cache.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "envelope.hpp"

using namespace cachemodel;
using namespace std::chrono_literals;
using cachemodel::detail::Envelope;
using cachemodel::detail::open_entry;
using cachemodel::detail::WallTime;
using cachemodel::support::from_hex;
using cachemodel::support::to_hex;
using cachemodel::testing::ScriptedBackend;
using cachemodel::testing::TurnableClock;

namespace {

constexpr WallTime new_year_2030{1'893'456'000'000ms};

std::string entry_of(const Envelope& envelope, std::string_view body) {
    std::string bytes;
    detail::begin_entry(bytes, envelope);
    bytes += body;
    detail::end_entry(bytes);
    return bytes;
}

/// The bytes with a checksum that fits them.
std::string sealed(std::string bytes) {
    detail::end_entry(bytes);
    return bytes;
}

/// With what these flags say is there, each with a value of its own.
Envelope envelope_of(std::string_view key, unsigned flags) {
    Envelope envelope{.key = key, .written_at = new_year_2030};
    if ((flags & 1) != 0) envelope.fresh_until = new_year_2030 + 1500ms;
    if ((flags & 2) != 0) envelope.load_cost = 250ms;
    if ((flags & 4) != 0) {
        envelope.lease = detail::EntryLease{new_year_2030 + 3500ms, 0x0123'4567'89ab'cdef};
    }
    if ((flags & 8) != 0) envelope.epoch = 0xfedc'ba98'7654'3211;
    envelope.is_known_missing = (flags & 16) != 0;
    return envelope;
}

/// All combinations of flags that this release knows are below.
constexpr unsigned flags_end = 32;

std::optional<MissReason> refusal(std::string_view bytes, std::string_view key) {
    // A copy of its own on the heap, so that reading past its end is seen.
    const auto copy = std::make_unique<char[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    const auto opened = open_entry({copy.get(), bytes.size()}, key);
    return opened.entry ? std::nullopt : std::optional{opened.reason};
}

std::string flipped(std::string bytes, std::size_t bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    return bytes;
}

enum class Kind : std::uint8_t { town = 1, city = 2 };

struct Address {
    std::string street;
    std::optional<int> number;

    bool operator==(const Address&) const = default;
};

struct Branch {
    int weight = 0;
    std::vector<Branch> branches;

    bool operator==(const Branch&) const = default;
};

/// A member of every type, for the golden entries.
struct Everything {
    static constexpr ModelOptions cache_options{.name = "everything"};
    static constexpr WireNames wire_names{{"renamed", "other name"}};

    Key<std::string> name;
    Key<int> number;
    bool flag = false;
    std::int64_t least = 0;
    std::uint64_t most = 0;
    float single = 0;
    double twice = 0;
    Kind kind = Kind::town;
    Field<std::string> text;
    std::string latin1;
    std::vector<std::byte> bytes;
    std::array<unsigned char, 3> rgb{};
    std::optional<int> nothing = 1;
    std::optional<std::optional<int>> empty_inside;
    std::variant<std::monostate, int, std::string> choice;
    std::pair<int, bool> both;
    std::tuple<std::string, double> several;
    std::array<int, 2> fixed{};
    std::vector<bool> bits;
    std::set<std::string> words;
    std::map<std::string, int> by_name;
    std::map<int, std::string> by_number;
    std::chrono::minutes pause{};
    std::chrono::sys_seconds since;
    Field<Address> address;
    Branch tree;
    int renamed = 0;
};

Everything example() {
    Everything all;
    all.name = "Oslo";
    all.number = 7;
    all.flag = true;
    all.least = std::numeric_limits<std::int64_t>::min();
    all.most = std::numeric_limits<std::uint64_t>::max();
    all.single = 0.5F;
    all.twice = -1.1;
    all.kind = Kind::city;
    all.text = "sm\u00f8r";
    all.latin1 = "sm\xf8r";
    all.bytes = {std::byte{0}, std::byte{255}};
    all.rgb = {1, 2, 255};
    all.nothing.reset();
    all.empty_inside.emplace();
    all.choice = "chosen";
    all.both = {-1, true};
    all.several = {"a", 2.0};
    all.fixed = {1000, -1000};
    all.bits = {true, false, true};
    all.words = {"and", "or"};
    all.by_name = {{"one", 1}, {"two", 2}};
    all.by_number = {{-1, "less"}, {1, "more"}};
    all.pause = 90min;
    all.since = std::chrono::sys_seconds{1'893'456'000s};
    all.address = Address{"Kirkeveien", 50};
    all.tree = {1, {{2, {}}, {3, {{4, {}}}}}};
    all.renamed = 24;
    return all;
}

bool equal(const Everything& a, const Everything& b) { return detail::equal_members(a, b); }

/// A cache on a store that tests reach into, at a time that they turn.
struct Fixture {
    TurnableClock clock;
    std::shared_ptr<ScriptedBackend> backend = std::make_shared<ScriptedBackend>(clock);
    Cache cache{backend, {.clock = clock}};

    explicit Fixture(std::chrono::nanoseconds resolution = 1ns) {
        backend->capabilities_to_claim().lifetime_resolution = resolution;
    }
};

struct Note {
    static constexpr ModelOptions cache_options{.name = "note"};
    Key<int> id;
    std::string text;
};

struct LoadedNote {
    static constexpr ModelOptions cache_options{.name = "note"};
    Key<int> id;
    std::string text;
    void from_miss() { text = "from the source"; }
};

/// Its loader tells whether it was given a fresh object.
struct Careful {
    static constexpr ModelOptions cache_options{.name = "careful"};
    Key<int> id;
    std::string text = "default";
    int number = 0;
    void from_miss() { number = text == "default" ? 1 : 2; }
};

std::string body_of_note(std::string_view text) {
    std::string body = from_hex("a1 6474657874");
    detail::CborWriter{body}.text(text);
    return body;
}

}  // namespace

// ---- the envelope alone

TEST_CASE("an entry is magic, format, flags, times, key, body and checksum", "[envelope][unit]") {
    const auto plain = entry_of({"k", new_year_2030, {}}, "body");
    CHECK(to_hex(plain.substr(0, plain.size() - 8)) ==
          "ca4d"  // magic
          "01"    // format
          "00"    // flags
          "00b4c5dab8010000"
          "01000000"
          "6b"
          "626f6479");
    const auto opened = open_entry(plain, "k");
    REQUIRE(opened.entry);
    CHECK(opened.entry->envelope.key == "k");
    CHECK(opened.entry->envelope.written_at == new_year_2030);
    CHECK_FALSE(opened.entry->envelope.fresh_until);
    CHECK(opened.entry->body == "body");

    const auto fresh = entry_of({"k", new_year_2030, new_year_2030 + 1ms}, "body");
    CHECK(to_hex(fresh.substr(0, fresh.size() - 8)) ==
          "ca4d"
          "01"
          "01"
          "00b4c5dab8010000"
          "01b4c5dab8010000"
          "01000000"
          "6b"
          "626f6479");
    REQUIRE(open_entry(fresh, "k").entry);
    CHECK(open_entry(fresh, "k").entry->envelope.fresh_until == new_year_2030 + 1ms);
}

TEST_CASE("what an entry has to say besides stands behind the time of writing, in one order",
          "[envelope][unit]") {
    const auto hex = [](unsigned flags, std::string_view body) {
        const auto bytes = entry_of(envelope_of("k", flags), body);
        return to_hex(bytes.substr(3, bytes.size() - 11));
    };
    const std::string written = "00b4c5dab8010000";
    const std::string fresh_until = "dcb9c5dab8010000";
    const std::string cost = "fa000000";
    const std::string lease = "acc1c5dab8010000efcdab8967452301";
    const std::string epoch = "1132547698badcfe";
    const std::string key = "010000006b";
    CHECK(hex(2, "body") == "02" + written + cost + key + "626f6479");
    CHECK(hex(4, "") == "04" + written + lease + key);
    CHECK(hex(8, "") == "08" + written + epoch + key);
    CHECK(hex(16, "") == "10" + written + key);
    CHECK(hex(17, "") == "11" + written + fresh_until + key);
    CHECK(hex(12, "") == "0c" + written + lease + epoch + key);
    CHECK(hex(15, "body") ==
          "0f" + written + fresh_until + cost + lease + epoch + key + "626f6479");
}

TEST_CASE("every combination of flags survives, with a body and without", "[envelope][unit]") {
    for (unsigned flags = 0; flags < flags_end; ++flags) {
        for (const std::string body : {"", "body"}) {
            CAPTURE(flags, body);
            const auto bytes = entry_of(envelope_of("k", flags), body);
            const auto opened = open_entry(bytes, "k");
            REQUIRE(opened.entry);
            const Envelope& envelope = opened.entry->envelope;
            CHECK(envelope.written_at == new_year_2030);
            CHECK(envelope.fresh_until.has_value() == ((flags & 1) != 0));
            CHECK(envelope.fresh_until.value_or(new_year_2030) ==
                  new_year_2030 + ((flags & 1) != 0 ? 1500ms : 0ms));
            CHECK(envelope.load_cost.has_value() == ((flags & 2) != 0));
            CHECK(envelope.load_cost.value_or(250ms) == 250ms);
            CHECK(envelope.lease.has_value() == ((flags & 4) != 0));
            if (envelope.lease) {
                CHECK(envelope.lease->until == new_year_2030 + 3500ms);
                CHECK(envelope.lease->owner == 0x0123'4567'89ab'cdef);
            }
            CHECK(envelope.epoch.has_value() == ((flags & 8) != 0));
            CHECK(envelope.epoch.value_or(0xfedc'ba98'7654'3211) == 0xfedc'ba98'7654'3211);
            CHECK(envelope.is_known_missing == ((flags & 16) != 0));
            CHECK(opened.entry->body == body);
            CHECK(to_hex(entry_of(envelope, opened.entry->body)) == to_hex(bytes));
        }
    }
}

TEST_CASE("the cost of a load is from 0 to some 49 days", "[envelope][unit]") {
    const auto stored = [](std::chrono::milliseconds cost) {
        const auto bytes =
            entry_of({.key = "k", .written_at = new_year_2030, .load_cost = cost}, "body");
        return open_entry(bytes, "k").entry.value().envelope.load_cost.value();
    };
    CHECK(stored(0ms) == 0ms);
    CHECK(stored(4'294'967'295ms) == 4'294'967'295ms);
    CHECK(stored(4'294'967'296ms) == 4'294'967'295ms);
    CHECK(stored(std::chrono::milliseconds::max()) == 4'294'967'295ms);
    CHECK(stored(-1ms) == 0ms);
}

TEST_CASE("the key and the body of an entry may be empty or hold any bytes", "[envelope][unit]") {
    const std::string odd{
        "\0\xff\xca"
        "M ",
        5};
    for (const std::string& key : {std::string{}, odd, std::string(70'000, 'k')}) {
        for (const std::string& body : {std::string{}, odd, std::string(70'000, 'b')}) {
            const auto bytes = entry_of({key, new_year_2030, {}}, body);
            const auto opened = open_entry(bytes, key);
            REQUIRE(opened.entry);
            CHECK(opened.entry->body == body);
            CHECK(opened.entry->envelope.key == key);
        }
    }
}

TEST_CASE("times of any size survive", "[envelope][unit]") {
    for (const auto time : {WallTime::min(), WallTime{-1ms}, WallTime{0ms}, WallTime::max()}) {
        const auto bytes = entry_of({"k", time, time}, "");
        const auto opened = open_entry(bytes, "k");
        REQUIRE(opened.entry);
        CHECK(opened.entry->envelope.written_at == time);
        CHECK(opened.entry->envelope.fresh_until == time);
    }
}

TEST_CASE("bytes that do not begin as an entry does are foreign", "[envelope][unit]") {
    const auto sound = entry_of({"k", new_year_2030, {}}, "body");
    CHECK(refusal("", "k") == MissReason::foreign);
    CHECK(refusal("1", "k") == MissReason::foreign);
    CHECK(refusal("\xca", "k") == MissReason::foreign);
    CHECK(refusal("hello, this is another program", "k") == MissReason::foreign);
    CHECK(refusal(std::string(1000, '\0'), "k") == MissReason::foreign);
    CHECK(refusal(sound.substr(1), "k") == MissReason::foreign);
    CHECK(refusal(sealed("\xcbM\x01" + sound.substr(3, sound.size() - 11)), "k") ==
          MissReason::foreign);
}

TEST_CASE("an entry of a later format or with a later flag is of an unknown format",
          "[envelope][unit]") {
    const auto sound = entry_of({"k", new_year_2030, {}}, "body");
    const auto content = sound.substr(0, sound.size() - 8);
    for (const char format : {'\0', '\2', '\xff'}) {
        auto other = content;
        other[2] = format;
        CHECK(refusal(sealed(other), "k") == MissReason::unknown_format);
        // Its checksum may be another one, too.
        CHECK(refusal(other + "whatever", "k") == MissReason::unknown_format);
    }
    for (const unsigned flag : {32U, 64U, 128U, 33U, 255U}) {
        auto other = content;
        other[3] = static_cast<char>(flag);
        CHECK(refusal(sealed(other), "k") == MissReason::unknown_format);
        CHECK(refusal(other + "whatever", "k") == MissReason::unknown_format);
    }
}

TEST_CASE("an entry of another key is told from a broken one", "[envelope][unit]") {
    const auto sound = entry_of({"key", new_year_2030, {}}, "body");
    CHECK(refusal(sound, "key") == std::nullopt);
    for (const auto* other : {"", "ke", "kez", "keyb", "Key", "keybody"}) {
        CHECK(refusal(sound, other) == MissReason::other_key);
    }
}

TEST_CASE("a key length that lies is corrupt, whatever the checksum says", "[envelope][unit]") {
    const auto sound = entry_of({"key", new_year_2030, {}}, "body");
    const auto with_length = [&](std::string_view length) {
        auto content = sound.substr(0, sound.size() - 8);
        content.replace(12, 4, from_hex(length));
        return sealed(std::move(content));
    };
    CHECK(refusal(with_length("03000000"), "key") == std::nullopt);
    CHECK(refusal(with_length("08000000"), "key") == MissReason::corrupt);
    CHECK(refusal(with_length("ffffffff"), "key") == MissReason::corrupt);
    CHECK(refusal(with_length("00000080"), "key") == MissReason::corrupt);
    // These leave sound entries, of other keys.
    CHECK(refusal(with_length("02000000"), "key") == MissReason::other_key);
    CHECK(refusal(with_length("00000000"), "key") == MissReason::other_key);
    CHECK(refusal(with_length("07000000"), "key") == MissReason::other_key);
}

TEST_CASE("an entry too short for what its flags promise is corrupt", "[envelope][unit]") {
    for (unsigned flags = 0; flags < flags_end; ++flags) {
        const auto whole = entry_of(envelope_of("", flags), "");
        for (std::size_t size = 4; size + 8 < whole.size(); ++size) {
            CAPTURE(flags, size);
            CHECK(refusal(sealed(whole.substr(0, size)), "") == MissReason::corrupt);
        }
        CHECK(refusal(whole, "") == std::nullopt);
    }
}

TEST_CASE("an entry of any flags that was cut or has a flipped bit is refused",
          "[envelope][unit]") {
    for (unsigned flags = 0; flags < flags_end; ++flags) {
        CAPTURE(flags);
        for (const auto* body : {"", "body"}) {
            const auto sound = entry_of(envelope_of("k", flags), body);
            std::size_t accepted = 0;
            for (std::size_t size = 0; size < sound.size(); ++size) {
                accepted += !refusal(sound.substr(0, size), "k");
            }
            for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
                accepted += !refusal(flipped(sound, bit), "k");
            }
            CHECK(accepted == 0);
        }
    }
}

TEST_CASE("an entry whose damage no checksum shows is refused or says what its bytes say",
          "[envelope][unit]") {
    std::size_t accepted = 0;
    for (unsigned flags = 0; flags < flags_end; ++flags) {
        const auto sound = entry_of(envelope_of("k", flags), "body");
        const auto content = sound.substr(0, sound.size() - 8);
        for (std::size_t bit = 0; bit < content.size() * 8; ++bit) {
            const auto other = sealed(flipped(content, bit));
            const auto opened = open_entry(other, "k");
            if (!opened.entry) continue;
            ++accepted;
            CAPTURE(flags, bit);
            CHECK(to_hex(entry_of(opened.entry->envelope, opened.entry->body)) == to_hex(other));
        }
    }
    CHECK(accepted > 1000);
}

TEST_CASE("an entry that was cut or has a flipped bit is refused, whatever its size",
          "[envelope][unit]") {
    // XXH3 has a way of its own for each of 1-3, 4-8, 9-16, 17-128, 129-240 and more bytes, and
    // for more than 1024.
    std::string body;
    for (const std::size_t size :
         {0U, 1U, 7U, 80U, 111U, 112U, 113U, 200U, 224U, 225U, 300U, 1008U, 1100U, 3000U}) {
        CAPTURE(size);
        while (body.size() < size) body += static_cast<char>(body.size() * 7 % 251);
        const auto sound = entry_of({"k", new_year_2030, {}}, body.substr(0, size));
        std::size_t accepted = 0;
        for (std::size_t length = 0; length < sound.size(); ++length) {
            accepted += open_entry({sound.data(), length}, "k").entry.has_value();
        }
        auto other = sound;
        for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
            const char mask = static_cast<char>(1 << (bit % 8));
            other[bit / 8] = static_cast<char>(other[bit / 8] ^ mask);
            accepted += open_entry(other, "k").entry.has_value();
            other[bit / 8] = static_cast<char>(other[bit / 8] ^ mask);
        }
        CHECK(accepted == 0);
        CHECK(refusal(sound + '\0', "k") == MissReason::corrupt);
        CHECK(refusal(sound + sound, "k") == MissReason::corrupt);
        CHECK(refusal(sound, "k") == std::nullopt);
    }
}

// ---- golden entries: what this release and later ones must be able to read

TEST_CASE("an entry of format 1 is what it was, byte by byte", "[envelope][golden]") {
    Fixture at;
    const Models<Everything> models{at.cache};
    models.save(example());
    CHECK(models.key_for("Oslo", 7) == "everything@1/name=\"Oslo\",number=7");
    const auto stored = at.backend->stored(at.cache.final_key(models.key_for("Oslo", 7)));
    REQUIRE(stored);
    CHECK(to_hex(*stored) == to_hex(from_hex(tests::golden("everything_format_1.hex"))));
}

TEST_CASE("an entry of format 1 with an end of its own is what it was, byte by byte",
          "[envelope][golden]") {
    Fixture at{1s};
    const Models<Everything> models{at.cache};
    models.save(example(), 1500ms);
    const auto stored = at.backend->stored(at.cache.final_key(models.key_for("Oslo", 7)));
    REQUIRE(stored);
    CHECK(to_hex(*stored) == to_hex(from_hex(tests::golden("everything_format_1_fresh.hex"))));
}

TEST_CASE("entries of format 1 that stand for loads and removals are what they were, byte by byte",
          "[envelope][golden]") {
    const std::string key = "everything@1/name=\"Oslo\",number=7";
    const auto golden = [](const char* name) { return to_hex(from_hex(tests::golden(name))); };
    CHECK(to_hex(entry_of(envelope_of(key, 8), "")) == golden("removed_format_1.hex"));
    CHECK(to_hex(entry_of(envelope_of(key, 4 + 8), "")) == golden("leased_format_1.hex"));
    CHECK(to_hex(entry_of(envelope_of(key, 1 + 16), "")) == golden("known_missing_format_1.hex"));
    const auto plain = from_hex(tests::golden("everything_format_1.hex"));
    const auto opened = open_entry(plain, key);
    REQUIRE(opened.entry);
    CHECK(to_hex(entry_of(envelope_of(key, 1 + 2 + 4 + 8), opened.entry->body)) ==
          golden("everything_format_1_loaded.hex"));
}

TEST_CASE("a golden entry that stands for no value is a miss", "[envelope][golden]") {
    for (const auto* name :
         {"removed_format_1.hex", "leased_format_1.hex", "known_missing_format_1.hex"}) {
        CAPTURE(name);
        Fixture at;
        const Models<Everything> models{at.cache};
        at.backend->plant(at.cache.final_key(models.key_for("Oslo", 7)),
                          from_hex(tests::golden(name)));
        CHECK(models.find("Oslo", 7).absent());
        // A save goes over it.
        models.save(example());
        CHECK(models.find("Oslo", 7).found());
    }
}

TEST_CASE("a golden entry is read", "[envelope][golden]") {
    for (const auto* name : {"everything_format_1.hex", "everything_format_1_fresh.hex",
                             "everything_format_1_loaded.hex"}) {
        Fixture at;
        const Models<Everything> models{at.cache};
        at.backend->plant(at.cache.final_key(models.key_for("Oslo", 7)),
                          from_hex(tests::golden(name)));
        const auto found = models.find("Oslo", 7);
        REQUIRE(found.found());
        CHECK(equal(*found, example()));
    }
}

TEST_CASE("a golden entry that was cut or has a flipped bit is a miss", "[envelope][golden]") {
    Fixture at;
    const Models<Everything> models{at.cache};
    const auto key = at.cache.final_key(models.key_for("Oslo", 7));
    for (const auto* name : {"everything_format_1.hex", "everything_format_1_fresh.hex",
                             "everything_format_1_loaded.hex", "removed_format_1.hex",
                             "leased_format_1.hex", "known_missing_format_1.hex"}) {
        const auto golden = from_hex(tests::golden(name));
        std::size_t misses = 0;
        for (std::size_t size = 0; size < golden.size(); ++size) {
            at.backend->plant(key, golden.substr(0, size));
            misses += models.find("Oslo", 7).absent();
        }
        CHECK(misses == golden.size());
        misses = 0;
        for (std::size_t bit = 0; bit < golden.size() * 8; ++bit) {
            at.backend->plant(key, flipped(golden, bit));
            misses += models.find("Oslo", 7).absent();
        }
        CHECK(misses == golden.size() * 8);
    }
}

TEST_CASE("a golden body whose damage no checksum shows is a miss or some value",
          "[envelope][golden]") {
    // As from a writer with other ideas: the checksum fits. Nothing may be thrown or over-read.
    Fixture at;
    const Models<Everything> models{at.cache};
    const auto name = models.key_for("Oslo", 7);
    const auto key = at.cache.final_key(name);
    const auto golden = from_hex(tests::golden("everything_format_1.hex"));
    const auto opened = open_entry(golden, name);
    REQUIRE(opened.entry);
    const std::string body{opened.entry->body};
    std::size_t answers = 0;
    const auto try_body = [&](const std::string& changed) {
        at.backend->plant(key, entry_of({name, new_year_2030, {}}, changed));
        const auto found = models.find("Oslo", 7);
        answers += found.found() || found.reason() == MissReason::undecodable;
        if (found.found()) models.save(*found);
    };
    for (std::size_t size = 0; size < body.size(); ++size) try_body(body.substr(0, size));
    for (std::size_t bit = 0; bit < body.size() * 8; ++bit) try_body(flipped(body, bit));
    CHECK(answers == body.size() * 9);
}

// ---- entries, through a model

TEST_CASE("an entry that cannot be used is a miss with its reason, counted", "[envelope][unit]") {
    Fixture at;
    const Models<Note> notes{at.cache};
    const auto key = at.cache.final_key("note@1/id=1");
    const auto reason_of = [&](std::string bytes) {
        at.backend->plant(key, std::move(bytes));
        const auto found = notes.find(1);
        CHECK(found.absent());
        return found.reason();
    };
    const Envelope envelope{"note@1/id=1", new_year_2030, {}};
    const auto body = body_of_note("hello");
    const auto sound = entry_of(envelope, body);

    at.backend->plant(key, sound);
    CHECK(notes.get(1).text == "hello");
    CHECK(reason_of("") == MissReason::foreign);
    CHECK(reason_of("42") == MissReason::foreign);
    CHECK(reason_of(sound.substr(0, 20)) == MissReason::corrupt);
    CHECK(reason_of(entry_of({"note@1/id=2", new_year_2030, {}}, body)) == MissReason::other_key);
    CHECK(reason_of(entry_of(envelope, "")) == MissReason::undecodable);
    CHECK(reason_of(entry_of(envelope, body + '\0')) == MissReason::undecodable);
    CHECK(reason_of(entry_of(envelope, from_hex("a1 6474657874 01"))) == MissReason::undecodable);
    auto later = sound.substr(0, sound.size() - 8);
    later[2] = 2;
    CHECK(reason_of(sealed(later)) == MissReason::unknown_format);

    const auto counted = at.cache.statistics();
    CHECK(counted.hits == 1);
    CHECK(counted.misses(MissReason::foreign) == 2);
    CHECK(counted.misses(MissReason::corrupt) == 1);
    CHECK(counted.misses(MissReason::other_key) == 1);
    CHECK(counted.misses(MissReason::undecodable) == 3);
    CHECK(counted.misses(MissReason::unknown_format) == 1);
}

TEST_CASE("what a body that cannot be read had filled in is not seen by the loader",
          "[envelope][unit]") {
    Fixture at;
    const Models<Careful> models{at.cache};
    const std::string name = "careful@1/id=1";
    at.backend->plant(
        at.cache.final_key(name),
        entry_of({name, new_year_2030, {}}, from_hex("a2 6474657874 6161 666e756d626572 6131")));
    CHECK(models.get(1).number == 1);
}

TEST_CASE("an absent member takes its default, or makes a miss where there is a loader",
          "[envelope][unit]") {
    Fixture at;
    const auto key = at.cache.final_key("note@1/id=1");
    at.backend->plant(key, entry_of({"note@1/id=1", new_year_2030, {}}, from_hex("a1 6178 00")));
    CHECK(Models<Note>{at.cache}.get(1).text.empty());
    CHECK(Models<LoadedNote>{at.cache}.get(1).text == "from the source");
    CHECK(at.cache.statistics().misses(MissReason::member_absent) == 1);
    // It was stored anew, and is whole now.
    CHECK(Models<Note>{at.cache}.get(1).text == "from the source");
}

TEST_CASE("an entry with a body is a value whatever else it says, one without is none",
          "[envelope][unit]") {
    Fixture at;
    const Models<Note> notes{at.cache};
    const std::string name = "note@1/id=1";
    const auto key = at.cache.final_key(name);
    for (unsigned flags = 0; flags < 16; ++flags) {
        CAPTURE(flags);
        at.backend->plant(key, entry_of(envelope_of(name, flags), body_of_note("hello")));
        CHECK(notes.find(1).found());
        at.backend->plant(key, entry_of(envelope_of(name, flags), ""));
        CHECK(notes.find(1).absent());
        at.backend->plant(key, entry_of(envelope_of(name, flags + 16), ""));
        CHECK(notes.find(1).absent());
    }
}

TEST_CASE("an entry whose own end has passed is expired", "[envelope][unit]") {
    Fixture at{1s};
    const Models<Note> notes{at.cache};
    notes.save(Note{.id = 1, .text = "hello"}, 1500ms);
    CHECK(notes.find(1).found());
    at.clock.advance(1499ms);
    CHECK(notes.find(1).found());
    at.clock.advance(1ms);
    REQUIRE(notes.find(1).absent());
    CHECK(notes.find(1).reason() == MissReason::expired);
    // The backend keeps it longer than that.
    CHECK(at.backend->stored(at.cache.final_key("note@1/id=1")));
}

TEST_CASE("an entry that a clock far ahead wrote is read until its own end", "[envelope][unit]") {
    Fixture at;
    const Models<Note> notes{at.cache};
    const auto key = at.cache.final_key("note@1/id=1");
    const auto written = [&](std::optional<WallTime> fresh_until) {
        at.backend->plant(
            key, entry_of({"note@1/id=1", WallTime::max(), fresh_until}, body_of_note("hello")));
        return notes.find(1).found();
    };
    CHECK(written({}));
    CHECK(written(WallTime::max()));
    CHECK(written(new_year_2030 + 1ms));
    CHECK_FALSE(written(new_year_2030));
    CHECK_FALSE(written(WallTime::min()));
}

TEST_CASE("a lifetime of centuries is an end of its own far ahead", "[envelope][unit]") {
    Fixture at{1s};
    const Models<Note> notes{at.cache};
    notes.save(Note{.id = 1, .text = "hello"}, std::chrono::hours{24 * 365 * 280} + 1ms);
    at.clock.advance(std::chrono::hours{24 * 365 * 100});
    CHECK(notes.find(1).found());
}
