// cachemodel: the contract of backends: any bytes go in and come out.
// SPDX-License-Identifier: MIT
#include "contract/sections.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace cachemodel::contract {

using namespace support;

namespace {

std::string random_bytes(std::mt19937& random, std::size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    return bytes;
}

}  // namespace

void values(Backend& backend, const ContractOptions& options) {
    SECTION("a value that was set is found under its key") {
        const auto key = new_key("bob");
        CHECK(get(backend, key).absent());
        CHECK(set(backend, key, "bob@hotmail.com").done());
        CHECK(get(backend, key).found("bob@hotmail.com"));
    }
    SECTION("setting again replaces the whole value") {
        const auto key = new_key("replaced");
        CHECK(set(backend, key, "a long first value").done());
        CHECK(set(backend, key, "short").done());
        CHECK(get(backend, key).found("short"));
    }
    SECTION("an empty value is found, not absent") {
        const auto key = new_key("empty");
        CHECK(set(backend, key, "").done());
        CHECK(get(backend, key).found(""));
        CHECK(add(backend, key, "x").declined());
        CHECK(get_many(backend, {key, key}).at(1).found(""));
    }
    SECTION("every byte value comes back") {
        std::string bytes;
        for (int repeat = 0; repeat < 3; ++repeat) {
            for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
        }
        const auto key = new_key("bytes");
        CHECK(set(backend, key, bytes).done());
        CHECK(get(backend, key).found(bytes));
    }
    SECTION("a value that looks like a server's protocol is only a value") {
        const std::array<std::string, 9> replies{
            "END\r\n",
            "\r\nEND\r\n",
            "STORED\r\nEND\r\n",
            "VALUE other 0 5\r\nwrong\r\nEND\r\n",
            "\r\n",
            "$-1\r\n",
            "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
            "'; DROP TABLE entries; --",
            std::string{"\0", 1},
        };
        for (const auto& value : replies) {
            const auto key = new_key("protocol");
            CHECK(set(backend, key, value).done());
            CHECK(get(backend, key).found(value));
            CHECK(get_many(backend, {new_key("nothing"), key, new_key("nothing")})
                      .at(1)
                      .found(value));
        }
    }
    SECTION("text comes back as it was written, whatever its encoding") {
        using namespace std::string_literals;
        const std::array<std::string, 6> texts{
            "I\xc3\xb1t\xc3\xabrn\xc3\xa2ti\xc3\xb4n\xc3\xa0liz\xc3\xa6ti\xc3\xb8n"s,
            "\xf0\x9f\x98\x80"s,
            "e\xcc\x81 is not \xc3\xa9"s,
            "a\0b\0"s,
            "\xff"s,
            "\xed\xa0\x80 and \xc0\xaf"s,
        };
        for (const auto& text : texts) {
            const auto key = new_key("text");
            CHECK(add(backend, key, text).done());
            CHECK(get(backend, key).found(text));
            CHECK(
                all_done(store_many(backend, Store::set, {{key, "x", never}, {key, text, never}})));
            CHECK(get(backend, key).found(text));
        }
    }
    SECTION("values of all sizes come back, as far as the backend takes them") {
        std::mt19937 random{20'300'102};
        for (const std::size_t size : {0U, 1U, 2U, 255U, 256U, 4'095U, 4'096U, 65'535U, 65'536U,
                                       200'000U, 1'048'575U, 1'048'576U, 10'485'760U}) {
            const auto key = new_key("size");
            if (size + key.size() > backend.capabilities().largest_value) continue;
            INFO(size << " bytes");
            const std::string value = random_bytes(random, size);
            CHECK(set(backend, key, value).done());
            const auto read = get(backend, key);
            CHECK(read.answers == 1);
            CHECK(read.value.size() == size);
            CHECK((read.value == value));  // in parentheses: not to be printed
            CHECK(remove(backend, key).done());
        }
    }
    SECTION("random values come back") {
        constexpr std::size_t at_once = 100;
        std::mt19937 random{20'300'101};
        std::size_t wrong = 0;
        for (std::size_t done = 0; done < options.random_values; done += at_once) {
            const std::size_t count = std::min(at_once, options.random_values - done);
            std::vector<std::string> names;
            std::vector<std::string> written;
            std::vector<Entry> entries;
            for (std::size_t i = 0; i < count; ++i) {
                names.push_back(new_key("random"));
                written.push_back(random_bytes(random, random() % 4097));
            }
            for (std::size_t i = 0; i < count; ++i)
                entries.push_back({names[i], written[i], never});
            if (!all_done(store_many(backend, Store::set, entries))) ++wrong;
            const auto reads = get_many(backend, names);
            for (std::size_t i = 0; i < count; ++i) {
                if (!reads[i].found(written[i])) ++wrong;
            }
            static_cast<void>(remove_many(backend, names));
        }
        CHECK(wrong == 0);
    }
}

void sizes(Backend& backend) {
    const std::size_t largest = backend.capabilities().largest_value;
    if (largest > std::size_t{64} << 20) return;
    SECTION("the largest value that is claimed fits") {
        const auto key = new_key("largest");
        const std::string value(largest - key.size(), 'x');
        CHECK(set(backend, key, value).done());
        const auto read = get(backend, key);
        CHECK(read.found());
        CHECK(read.value.size() == value.size());
        CHECK(remove(backend, key).done());
    }
    SECTION("a value that is too large says so and leaves nothing of the old entry") {
        const auto key = new_key("too_large");
        const auto other = new_key("other");
        const std::string value(largest + 1, 'x');
        CHECK(set(backend, key, "old").done());
        const auto outcomes =
            store_many(backend, Store::set, {{key, value, never}, {other, "small", never}});
        REQUIRE(outcomes[0].failed());
        CHECK(outcomes[0].failure().fault() == BackendFault::value_too_large);
        try {
            outcomes[0].failure().rethrow();
        } catch (const ValueTooLarge& error) {
            CHECK(error.size() > error.limit());
            CHECK(error.limit() <= largest);
        }
        CHECK_THROWS_AS(outcomes[0].failure().rethrow(), ValueTooLarge);
        CHECK(outcomes[1].done());
        CHECK(get(backend, key).absent());
        CHECK(get(backend, other).found("small"));
    }
    SECTION("a value that is too large to be added changes nothing") {
        const auto key = new_key("too_large");
        const auto absent = new_key("too_large");
        const std::string value(largest + 1, 'x');
        CHECK(set(backend, key, "old").done());
        CHECK_FALSE(add(backend, key, value).done());
        CHECK(add(backend, absent, value).failed());
        CHECK(get(backend, key).found("old"));
        CHECK(get(backend, absent).absent());
    }
}

}  // namespace cachemodel::contract
