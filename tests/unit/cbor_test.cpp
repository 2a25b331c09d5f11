// cachemodel: CBOR items, written and read one by one.
// SPDX-License-Identifier: MIT
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/small_stack.hpp"

#include <cachemodel/detail/cbor.hpp>
#include <cachemodel/error.hpp>

#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace cachemodel::detail;
using cachemodel::support::from_hex;
using cachemodel::support::on_a_small_stack;
using cachemodel::support::repeated;
using cachemodel::support::to_hex;

namespace {

/// What `write` writes, as digits.
template <class Write>
std::string written(Write write) {
    std::string bytes;
    CborWriter writer{bytes};
    write(writer);
    return to_hex(bytes);
}

/// What a reader takes for a T from these digits, if it takes all of them.
template <class T, class Read>
std::optional<T> read(std::string_view digits, Read read_one) {
    const std::string bytes = from_hex(digits);
    CborReader reader{bytes};
    T value{};
    if (!read_one(reader, value) || !reader.at_end()) return std::nullopt;
    return value;
}

template <class T>
std::optional<T> read_integer(std::string_view digits) {
    return read<T>(digits, [](CborReader& reader, T& value) { return reader.integer(value); });
}

template <class T>
std::optional<T> read_floating(std::string_view digits) {
    return read<T>(digits, [](CborReader& reader, T& value) { return reader.floating(value); });
}

/// Whether the digits are passed over as one item, and nothing is left.
bool skips(std::string_view digits) {
    const std::string bytes = from_hex(digits);
    CborReader reader{bytes};
    std::string_view item;
    return reader.skip(item) && item == bytes && reader.at_end();
}

}  // namespace

TEST_CASE("integers are written in as few bytes as hold them", "[cbor][unit]") {
    const auto positive = [](std::uint64_t number) {
        return written([&](CborWriter& writer) { writer.unsigned_integer(number); });
    };
    CHECK(positive(0) == "00");
    CHECK(positive(23) == "17");
    CHECK(positive(24) == "1818");
    CHECK(positive(255) == "18ff");
    CHECK(positive(256) == "190100");
    CHECK(positive(65'535) == "19ffff");
    CHECK(positive(65'536) == "1a00010000");
    CHECK(positive(4'294'967'295) == "1affffffff");
    CHECK(positive(4'294'967'296) == "1b0000000100000000");
    CHECK(positive(18'446'744'073'709'551'615U) == "1bffffffffffffffff");

    const auto either = [](std::int64_t number) {
        return written([&](CborWriter& writer) { writer.signed_integer(number); });
    };
    CHECK(either(0) == "00");
    CHECK(either(100) == "1864");
    CHECK(either(-1) == "20");
    CHECK(either(-24) == "37");
    CHECK(either(-25) == "3818");
    CHECK(either(-256) == "38ff");
    CHECK(either(-257) == "390100");
    CHECK(either(9'223'372'036'854'775'807) == "1b7fffffffffffffff");
    CHECK(either(std::numeric_limits<std::int64_t>::min()) == "3b7fffffffffffffff");
}

TEST_CASE("null, truth values, strings, arrays and maps are written as RFC 8949 has them",
          "[cbor][unit]") {
    CHECK(written([](CborWriter& writer) { writer.null(); }) == "f6");
    CHECK(written([](CborWriter& writer) { writer.boolean(false); }) == "f4");
    CHECK(written([](CborWriter& writer) { writer.boolean(true); }) == "f5");
    CHECK(written([](CborWriter& writer) { writer.text(""); }) == "60");
    CHECK(written([](CborWriter& writer) { writer.text("IETF"); }) == "6449455446");
    CHECK(written([](CborWriter& writer) { writer.text("\u00fc"); }) == "62c3bc");
    CHECK(written([](CborWriter& writer) { writer.text("\xff"); }) == "41ff");
    CHECK(written([](CborWriter& writer) { writer.text_as_it_is("\xff"); }) == "61ff");
    CHECK(written([](CborWriter& writer) { writer.bytes("a"); }) == "4161");
    CHECK(written([](CborWriter& writer) { writer.bytes(""); }) == "40");
    CHECK(written([](CborWriter& writer) { writer.array(2); }) == "82");
    CHECK(written([](CborWriter& writer) { writer.map(24); }) == "b818");
    CHECK(written([](CborWriter& writer) { writer.text(std::string(300, 'x')); }) ==
          "79012c" + repeated("78", 300));
}

TEST_CASE("floating numbers are written bit by bit", "[cbor][unit]") {
    const auto single = [](float number) {
        return written([&](CborWriter& writer) { writer.floating(number); });
    };
    const auto twice = [](double number) {
        return written([&](CborWriter& writer) { writer.floating(number); });
    };
    CHECK(single(100'000.0F) == "fa47c35000");
    CHECK(single(std::numeric_limits<float>::max()) == "fa7f7fffff");
    CHECK(single(-0.0F) == "fa80000000");
    CHECK(twice(1.1) == "fb3ff199999999999a");
    CHECK(twice(1.0e+300) == "fb7e37e43c8800759c");
    CHECK(twice(std::numeric_limits<double>::denorm_min()) == "fb0000000000000001");
    CHECK(twice(-std::numeric_limits<double>::infinity()) == "fbfff0000000000000");
    CHECK(twice(std::bit_cast<double>(std::uint64_t{0x7ff0'0000'0000'0001})) ==
          "fb7ff0000000000001");
}

TEST_CASE("an integer is read from any width, if it fits", "[cbor][unit]") {
    for (const auto* seven : {"07", "1807", "190007", "1a00000007", "1b0000000000000007"}) {
        CAPTURE(seven);
        CHECK(read_integer<std::int8_t>(seven) == std::int8_t{7});
        CHECK(read_integer<std::uint64_t>(seven) == std::uint64_t{7});
    }
    CHECK(read_integer<std::int8_t>("187f") == std::int8_t{127});
    CHECK_FALSE(read_integer<std::int8_t>("1880"));
    CHECK(read_integer<std::int8_t>("387f") == std::int8_t{-128});
    CHECK_FALSE(read_integer<std::int8_t>("3880"));
    CHECK(read_integer<std::uint8_t>("18ff") == std::uint8_t{255});
    CHECK_FALSE(read_integer<std::uint8_t>("190100"));
    CHECK_FALSE(read_integer<std::uint8_t>("20"));
    CHECK(read_integer<std::int64_t>("3b7fffffffffffffff") ==
          std::numeric_limits<std::int64_t>::min());
    CHECK_FALSE(read_integer<std::int64_t>("3b8000000000000000"));
    CHECK_FALSE(read_integer<std::int64_t>("3bffffffffffffffff"));
    CHECK_FALSE(read_integer<std::int64_t>("1b8000000000000000"));
    CHECK(read_integer<std::uint64_t>("1bffffffffffffffff") ==
          std::numeric_limits<std::uint64_t>::max());
    CHECK_FALSE(read_integer<std::uint64_t>("3b0000000000000000"));

    for (const auto* other : {"f4", "f5", "f6", "f93c00", "40", "60", "80", "a0", "c101", ""}) {
        CAPTURE(other);
        CHECK_FALSE(read_integer<std::int64_t>(other));
    }
}

TEST_CASE("a floating number is read from half, single and double precision", "[cbor][unit]") {
    CHECK(read_floating<double>("f90000") == 0.0);
    CHECK(read_floating<double>("f90001") == 5.960464477539063e-8);
    CHECK(read_floating<double>("f90400") == 0.00006103515625);
    CHECK(read_floating<double>("f93c00") == 1.0);
    CHECK(read_floating<double>("f93e00") == 1.5);
    CHECK(read_floating<double>("f97bff") == 65504.0);
    CHECK(read_floating<double>("f9c400") == -4.0);
    CHECK(read_floating<double>("f97c00") == std::numeric_limits<double>::infinity());
    CHECK(read_floating<double>("f9fc00") == -std::numeric_limits<double>::infinity());
    CHECK(std::bit_cast<std::uint64_t>(read_floating<double>("f98000").value()) ==
          0x8000'0000'0000'0000U);
    const auto nan = read_floating<double>("f97e00");
    REQUIRE(nan);
    CHECK(*nan != *nan);
    CHECK(read_floating<double>("fa47c35000") == 100000.0);
    CHECK(read_floating<double>("fb3ff199999999999a") == 1.1);

    CHECK(read_floating<float>("f93e00") == 1.5F);
    CHECK(read_floating<float>("fb3ff8000000000000") == 1.5F);
    CHECK(read_floating<float>("fbfff0000000000000") == -std::numeric_limits<float>::infinity());
    // The least and the greatest single, then what lies just beyond them, then 1.1.
    CHECK(read_floating<float>("fb36a0000000000000") == std::numeric_limits<float>::denorm_min());
    CHECK(read_floating<float>("fb47efffffe0000000") == std::numeric_limits<float>::max());
    CHECK_FALSE(read_floating<float>("fb3690000000000000"));
    CHECK_FALSE(read_floating<float>("fb47efffffe0000001"));
    CHECK_FALSE(read_floating<float>("fb47f0000000000000"));
    CHECK_FALSE(read_floating<float>("fb3ff199999999999a"));

    for (const auto* other : {"00", "20", "f4", "f6", "f7", "f800", "41f9", "fc00", ""}) {
        CAPTURE(other);
        CHECK_FALSE(read_floating<double>(other));
        CHECK_FALSE(read_floating<float>(other));
    }
}

TEST_CASE("a single or double keeps every bit of a NaN", "[cbor][unit]") {
    const auto single = read_floating<float>("fa7f800001");
    REQUIRE(single);
    CHECK(std::bit_cast<std::uint32_t>(*single) == 0x7f80'0001U);
    const auto twice = read_floating<double>("fbfff8000000000123");
    REQUIRE(twice);
    CHECK(std::bit_cast<std::uint64_t>(*twice) == 0xfff8'0000'0000'0123U);
}

TEST_CASE("an item that ends too early is refused", "[cbor][unit]") {
    const std::string whole[] = {
        from_hex("1b0000000000000007"), from_hex("fb3ff199999999999a"),
        from_hex("6449455446"),         from_hex("590003010203"),
        from_hex("83010203"),           from_hex("a26161016162820203"),
        from_hex("c11a514b67b0"),       from_hex("f820"),
    };
    for (const auto& bytes : whole) {
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            CAPTURE(to_hex(bytes), size);
            // A copy of its own on the heap, so that reading past its end is seen.
            const auto cut = std::make_unique<char[]>(size);
            std::copy_n(bytes.data(), size, cut.get());
            CborReader reader{{cut.get(), size}};
            std::string_view item;
            CHECK_FALSE(reader.skip(item));
            const auto refuses = [&](auto read_one) {
                CborReader other{{cut.get(), size}};
                return !read_one(other);
            };
            CHECK(refuses([](CborReader& other) {
                std::int64_t number = 0;
                return other.integer(number);
            }));
            CHECK(refuses([](CborReader& other) {
                double number = 0;
                return other.floating(number);
            }));
            CHECK(refuses([](CborReader& other) {
                std::string_view text;
                return other.text_or_bytes(text);
            }));
        }
    }
}

TEST_CASE("a declared length beyond the bytes that are left is refused", "[cbor][unit]") {
    std::string_view text;
    std::size_t count = 0;
    for (const auto* digits : {"62ff", "7801", "7affffffff00", "7bffffffffffffffff00",
                               "7b8000000000000000", "7b7fffffffffffffff0000"}) {
        CAPTURE(digits);
        const std::string bytes = from_hex(digits);
        CHECK_FALSE(CborReader{bytes}.text(text));
        CHECK_FALSE(CborReader{bytes}.text_or_bytes(text));
        CHECK_FALSE(skips(digits));
    }
    for (const auto* digits :
         {"82ff", "9801", "9affffffff00", "9bffffffffffffffff00", "9b8000000000000000"}) {
        CAPTURE(digits);
        CHECK_FALSE(CborReader{from_hex(digits)}.array(count));
        CHECK_FALSE(skips(digits));
    }
    for (const auto* digits :
         {"a101", "b9ffff00", "bbffffffffffffffff0000", "bb80000000000000000000"}) {
        CAPTURE(digits);
        CHECK_FALSE(skips(digits));
    }
    CHECK_FALSE(CborReader{from_hex("b9ffff00")}.map(count));
}

TEST_CASE("reserved heads and items of indefinite length are refused", "[cbor][unit]") {
    for (const auto* digits :
         {"1c", "1d", "1e", "1f", "3f", "5f41006100ff", "5fff", "7f6161ff", "9fff", "9f01ff",
          "bfff", "bf616101ff", "dc00", "fc", "fd", "fe", "ff", "81ff", "819fff"}) {
        CAPTURE(digits);
        CHECK_FALSE(skips(digits));
    }
}

TEST_CASE("an item of any kind is passed over", "[cbor][unit]") {
    for (const auto* digits : {"00",
                               "1818",
                               "20",
                               "3b7fffffffffffffff",
                               "40",
                               "43010203",
                               "60",
                               "6449455446",
                               "80",
                               "83010203",
                               "826161a161626163",
                               "a0",
                               "a201020304",
                               "a26161016162820203",
                               "f4",
                               "f5",
                               "f6",
                               "f7",
                               "f0",
                               "f8ff",
                               "f97e00",
                               "fa47c35000",
                               "fb3ff199999999999a",
                               "c11a514b67b0",
                               "d9d9f783010203",
                               "d818456449455446",
                               "c1c2c3a0"}) {
        CAPTURE(digits);
        CHECK(skips(digits));
    }
    const std::string two = from_hex("820102 07");
    CborReader reader{two};
    std::string_view item;
    REQUIRE(reader.skip(item));
    CHECK(to_hex(item) == "820102");
    std::uint8_t next = 0;
    REQUIRE(reader.integer(next));
    CHECK(next == 7);
}

TEST_CASE("items nest a hundred levels deep and no deeper, in what is passed over",
          "[cbor][unit]") {
    CHECK(skips(repeated("81", 100) + "00"));
    CHECK_FALSE(skips(repeated("81", 101) + "00"));
    CHECK(skips(repeated("81", 99) + "80"));
    CHECK_FALSE(skips(repeated("81", 100) + "80"));
    CHECK(skips(repeated("a100", 100) + "00"));
    CHECK_FALSE(skips(repeated("a100", 101) + "00"));
    CHECK(skips(repeated("c1", 100) + "00"));
    CHECK_FALSE(skips(repeated("c1", 101) + "00"));

    const std::string bytes = from_hex(repeated("81", 51) + "00");
    CborReader reader{bytes};
    std::vector<std::unique_ptr<CborReader::Nesting>> nestings;
    for (int i = 0; i < 50; ++i) {
        nestings.push_back(std::make_unique<CborReader::Nesting>(reader));
        CHECK(nestings.back()->allowed());
    }
    std::string_view item;
    CHECK_FALSE(reader.skip(item));
}

TEST_CASE("a hundred thousand nested items are refused on a small stack", "[cbor][unit]") {
    for (const auto* piece : {"81", "a1", "a100", "c1", "9b0000000000000001"}) {
        const std::string bytes = from_hex(repeated(piece, 100'000) + "00");
        on_a_small_stack([&] {
            CborReader reader{bytes};
            std::string_view item;
            CHECK_FALSE(reader.skip(item));
        });
    }
}

TEST_CASE("a writer refuses to nest deeper than a reader would follow", "[cbor][unit]") {
    std::string bytes;
    CborWriter writer{bytes};
    {
        std::vector<std::unique_ptr<CborWriter::Nesting>> nestings;
        for (int i = 0; i < 100; ++i) {
            nestings.push_back(std::make_unique<CborWriter::Nesting>(writer));
        }
        CHECK_THROWS_WITH(CborWriter::Nesting{writer}, "a value nests deeper than 100 levels");
        CHECK_THROWS_AS(CborWriter::Nesting{writer}, cachemodel::Error);
    }
    CHECK_NOTHROW(CborWriter::Nesting{writer});
}

TEST_CASE("well-formed UTF-8 is told from other bytes", "[cbor][unit]") {
    // Each alone, then at every distance from the end of a block of eight.
    const auto agrees = [](std::string_view piece, bool expected) {
        for (std::size_t before = 0; before < 18; ++before) {
            for (std::size_t after = 0; after < 10; ++after) {
                const auto text =
                    std::string(before, 'a') + std::string{piece} + std::string(after, 'z');
                if (is_utf8(text) != expected) return false;
            }
        }
        return true;
    };
    for (const auto* digits : {"", "00", "7f", "c280", "dfbf", "e0a080", "ed9fbf", "ee8080",
                               "efbfbf", "f0908080", "f48fbfbf", "c3bcc3bc", "f09f9880"}) {
        CAPTURE(digits);
        CHECK(agrees(from_hex(digits), true));
    }
    for (const auto* digits :
         {"80",       "bf",     "c0af",     "c080",     "c1bf",     "c2", "c27f", "c2c0",
          "e0a0",     "e09fbf", "e08080",   "eda080",   "edbfbf",   "ef", "efbf", "efbf7f",
          "f08fbfbf", "f09080", "f4908080", "f5808080", "f8888080", "fe", "ff",   "c3bcbc"}) {
        CAPTURE(digits);
        CHECK(agrees(from_hex(digits), false));
    }
}
