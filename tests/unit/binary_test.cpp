// cachemodel: members that cereal takes apart.
// SPDX-License-Identifier: MIT
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/codec.hpp"
#include "support/small_stack.hpp"

#include <cachemodel/binary.hpp>
#include <cachemodel/models.hpp>

#include <cereal/types/array.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/polymorphic.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <array>
#include <bit>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

using namespace cachemodel;
using cachemodel::support::encoded;
using cachemodel::support::from_hex;
using cachemodel::support::on_a_small_stack;
using cachemodel::support::repeated;
using cachemodel::support::to_hex;

namespace {

/// Nothing where it cannot be read; what would be a miss.
template <class T>
std::optional<Binary<T>> decoded(std::string_view bytes) {
    detail::CborReader reader{bytes};
    Binary<T> value;
    try {
        if (!detail::decode(reader, value) || !reader.at_end()) return std::nullopt;
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception&) {
        return std::nullopt;
    }
    return value;
}

/// `content` as a CBOR byte string.
std::string as_item(std::string_view content) {
    std::string bytes;
    detail::CborWriter writer{bytes};
    writer.bytes(content);
    return bytes;
}

template <class T>
std::optional<Binary<T>> from(std::string_view digits) {
    return decoded<T>(as_item(from_hex(digits)));
}

/// Compares the digits without the head of the CBOR string.
template <class T>
void survives(const T& value, std::string_view digits) {
    CAPTURE(digits);
    Binary<T> binary;
    *binary = value;
    const std::string bytes = encoded(binary);
    CHECK(to_hex(bytes) == to_hex(as_item(from_hex(digits))));
    const auto back = decoded<T>(bytes);
    REQUIRE(back);
    CHECK((**back == value));
    CHECK(to_hex(encoded(*back)) == to_hex(bytes));
}

struct Portrait {
    int width = 0;
    std::vector<std::uint16_t> pixels;
    std::string painter;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(width, pixels, cereal::make_nvp("by", painter));
    }
    bool operator==(const Portrait&) const = default;
};

/// Takes no bytes.
struct Empty {
    template <class Archive>
    void serialize(Archive&) {}
};

struct Link {
    int value = 0;
    std::unique_ptr<Link> next;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(value, next);
    }
};

struct Versioned {
    int value = 0;

    template <class Archive>
    void serialize(Archive& archive, const std::uint32_t version) {
        if (version != 3) throw std::runtime_error{"of another version"};
        archive(value);
    }
    bool operator==(const Versioned&) const = default;
};

struct Small {
    std::uint8_t value = 0;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(value);
    }
};
struct Large {
    std::array<std::uint64_t, 32> values{};

    template <class Archive>
    void serialize(Archive& archive) {
        archive(values);
    }
};
struct Shares {
    std::shared_ptr<Small> first;
    std::shared_ptr<Large> other;
    std::shared_ptr<const Small> second;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(first, other, second);
    }
};

struct Shape {
    virtual ~Shape() = default;
    virtual int corners() const = 0;
};
struct Square final : Shape {
    std::uint8_t side = 0;

    int corners() const override { return 4; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(side);
    }
};
struct Drawing {
    std::shared_ptr<Shape> shape;
    std::shared_ptr<Shape> again;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(shape, again);
    }
};

struct Touchy {
    bool writable = true;

    template <class Archive>
    void save(Archive& archive) const {
        if (!writable) throw std::runtime_error{"not this one"};
        archive(writable);
    }
    template <class Archive>
    void load(Archive& archive) {
        archive(writable);
    }
};

struct Person {
    Key<std::string> name;
    Field<int> age = 0;
    Binary<Portrait> portrait;
    Binary<Touchy> touchy;
};

}  // namespace

CEREAL_CLASS_VERSION(Versioned, 3)
CEREAL_REGISTER_TYPE_WITH_NAME(Square, "Square")
CEREAL_REGISTER_POLYMORPHIC_RELATION(Shape, Square)

TEST_CASE("numbers are stored in little-endian order, bit by bit", "[binary][unit]") {
    survives(std::int32_t{1}, "01000000");
    survives(std::int64_t{-2}, "feffffffffffffff");
    survives(std::uint16_t{0x1234}, "3412");
    survives(true, "01");
    survives('a', "61");
    survives(1.5, "000000000000f83f");
    const auto nan = std::bit_cast<double>(std::uint64_t{0xfff8'0000'0000'0123U});
    const auto back = decoded<double>(encoded(Binary<double>{nan}));
    REQUIRE(back);
    CHECK(std::bit_cast<std::uint64_t>(**back) == 0xfff8'0000'0000'0123U);
}

TEST_CASE("what cereal has a header for survives", "[binary][unit]") {
    using Text = std::string;
    survives(Text{}, "0000000000000000");
    survives(Text{"a\0\xff", 3}, "0300000000000000 6100ff");
    survives(std::vector<std::uint16_t>{1, 2}, "0200000000000000 0100 0200");
    survives(std::vector<bool>{true, false}, "0200000000000000 01 00");
    survives(std::vector<Text>{"a", ""}, "0200000000000000 0100000000000000 61 0000000000000000");
    survives(std::array<std::int16_t, 2>{1, -1}, "0100 ffff");
    survives(std::array<bool, 3>{true, false, true}, "01 00 01");
    survives(std::deque<std::uint8_t>{1, 2}, "0200000000000000 01 02");
    survives(std::set<std::uint8_t>{3, 1, 2}, "0300000000000000 01 02 03");
    survives(std::map<std::uint8_t, Text>{{1, "a"}}, "0100000000000000 01 0100000000000000 61");
    survives(std::unordered_map<std::uint8_t, bool>{{1, true}}, "0100000000000000 01 01");
    survives(std::pair<std::uint8_t, bool>{1, true}, "01 01");
    survives(std::tuple<std::uint8_t, Text>{1, ""}, "01 0000000000000000");
    survives(std::optional<std::uint8_t>{}, "01");
    survives(std::optional<std::uint8_t>{5}, "00 05");
    survives(std::variant<std::uint8_t, Text>{"a"}, "01000000 0100000000000000 61");
}

TEST_CASE("a type with a serialize of its own survives", "[binary][unit]") {
    survives(Portrait{2, {1, 65'535}, "Eva"},
             "02000000 0200000000000000 0100 ffff 0300000000000000 457661");
    survives(Versioned{7}, "03000000 07000000");
    CHECK_FALSE(from<Versioned>("04000000 07000000"));
    survives(std::vector<Versioned>{{7}, {8}}, "0200000000000000 03000000 07000000 08000000");
}

TEST_CASE("a chain of owning pointers survives", "[binary][unit]") {
    Binary<Link> first;
    first->value = 1;
    first->next = std::make_unique<Link>();
    first->next->value = 2;
    const std::string bytes = encoded(first);
    CHECK(to_hex(bytes) ==
          "4a"
          "0100000001"
          "0200000000");
    const auto back = decoded<Link>(bytes);
    REQUIRE(back);
    CHECK((*back)->value == 1);
    REQUIRE((*back)->next);
    CHECK((*back)->next->value == 2);
    CHECK_FALSE((*back)->next->next);
    CHECK(encoded(*back) == bytes);
}

TEST_CASE("shared objects are shared again after reading", "[binary][unit]") {
    Binary<Shares> shares;
    shares->first = std::make_shared<Small>(Small{5});
    shares->second = shares->first;
    const std::string bytes = encoded(shares);
    CHECK(to_hex(bytes) ==
          "4d"
          "0100008005"
          "00000000"
          "01000000");
    const auto back = decoded<Shares>(bytes);
    REQUIRE(back);
    CHECK((*back)->first->value == 5);
    CHECK((*back)->first == (*back)->second);
    CHECK_FALSE((*back)->other);
}

TEST_CASE("a shared object of another type is refused", "[binary][unit]") {
    // `other` says that it is the Small of before, and is a Large.
    CHECK_FALSE(from<Shares>("01000080 05 01000000 00000000"));
    CHECK_FALSE(from<Shares>("00000000 01000000 00000000"));
    CHECK_FALSE(from<Shares>("01000080 05 00000000 02000000"));
    // Two objects of one number: the later one counts.
    const std::string large = repeated("00", 256);
    CHECK_FALSE(from<Shares>("01000080 05 01000080" + large + "01000000"));
    CHECK(from<Shares>("01000080 05 02000080" + large + "01000000"));
}

TEST_CASE("an object behind a pointer to its base survives", "[binary][unit]") {
    Binary<Drawing> drawing;
    const auto square = std::make_shared<Square>();
    square->side = 9;
    drawing->shape = square;
    drawing->again = square;
    const std::string bytes = encoded(drawing);
    const auto back = decoded<Drawing>(bytes);
    REQUIRE(back);
    REQUIRE((*back)->shape);
    CHECK((*back)->shape->corners() == 4);
    CHECK((*back)->shape == (*back)->again);
    CHECK(encoded(*back) == bytes);
    // Of a class that nobody registered, and a name that nobody gave.
    CHECK_FALSE(from<Drawing>("01000080 0300000000000000 41 42 43 01000080 05 00000000"));
    CHECK_FALSE(from<Drawing>("01000000 01000080 05 00000000"));
}

TEST_CASE("a byte that is neither 0 nor 1 is no truth value", "[binary][unit]") {
    CHECK_FALSE(from<bool>("02"));
    using Three = std::array<bool, 3>;
    CHECK_FALSE(from<Three>("010002"));
    CHECK_FALSE(from<std::vector<bool>>("0100000000000000 ff"));
    CHECK_FALSE(from<std::optional<std::uint8_t>>("02"));
}

TEST_CASE("binary members are read from a byte string of exactly their length", "[binary][unit]") {
    const Portrait portrait{2, {1, 65'535}, "Eva"};
    Binary<Portrait> binary;
    *binary = portrait;
    const std::string item = encoded(binary);
    const std::string content = item.substr(2);
    for (std::size_t size = 0; size < content.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(decoded<Portrait>(as_item(content.substr(0, size))));
    }
    CHECK_FALSE(decoded<Portrait>(as_item(content + '\0')));
    CHECK_FALSE(decoded<Portrait>("\x80"));
    CHECK_FALSE(decoded<Portrait>("\xf6"));
    CHECK_FALSE(decoded<Portrait>(from_hex("64") + content.substr(0, 4)));
}

TEST_CASE("a declared number of elements that cannot be there is refused", "[binary][unit]") {
    for (const auto* digits : {"0200000000000000 00", "ffffffffffffffff 00", "0000000000000080 00",
                               "ffffffffffffff7f 00", "ffffffff00000000"}) {
        CAPTURE(digits);
        CHECK_FALSE(from<std::string>(digits));
        CHECK_FALSE(from<std::vector<std::uint64_t>>(digits));
        CHECK_FALSE(from<std::vector<std::string>>(digits));
        CHECK_FALSE(from<std::vector<bool>>(digits));
        CHECK_FALSE(from<std::deque<std::uint8_t>>(digits));
        CHECK_FALSE(from<std::set<std::uint8_t>>(digits));
        using Map = std::unordered_map<std::uint8_t, std::uint8_t>;
        CHECK_FALSE(from<Map>(digits));
    }
}

TEST_CASE("containers in containers cannot all claim the rest of the bytes", "[binary][unit]") {
    // Each says that it has as many objects as bytes come after it; none of them takes a byte.
    using Vectors = std::vector<std::vector<Empty>>;
    CHECK_FALSE(
        from<Vectors>("0500000000000000 2000000000000000 1800000000000000"
                      "1000000000000000 0800000000000000 0000000000000000"));
    // The same, for hundreds of megabytes.
    const std::string hostile = from_hex("ff1f000000000000" + repeated("007d000000000000", 0x1fff));
    CHECK_FALSE(decoded<Vectors>(as_item(hostile)));
}

TEST_CASE("objects in objects are refused beyond a depth, written or read", "[binary][unit]") {
    const auto chain_of = [](int length) {
        Binary<Link> first;
        for (Link* last = &*first; length > 1; --length) {
            last->next = std::make_unique<Link>();
            last = last->next.get();
        }
        return first;
    };
    const auto unlink = [](Binary<Link>& first) {
        // Its own destructor would recurse.
        for (auto next = std::move(first->next); next;) next = std::exchange(next->next, nullptr);
    };
    auto longest = chain_of(60);
    auto endless = chain_of(100'000);
    const std::string hostile = as_item(from_hex(repeated("0000000001", 100'000) + "0000000000"));
    on_a_small_stack([&] {
        const auto back = decoded<Link>(encoded(longest));
        REQUIRE(back);
        CHECK_THROWS_AS(encoded(endless), Error);
        CHECK_FALSE(decoded<Link>(hostile));
    });
    unlink(endless);
}

TEST_CASE("what serialize throws leaves save, and the old entry stays", "[binary][unit]") {
    const Models<Person> people{Cache::open("memory://")};
    people.save(Person{.name = "eva", .age = 1, .portrait = Portrait{1, {2}, "x"}});
    CHECK(people.get("eva").portrait == Portrait{1, {2}, "x"});
    CHECK_THROWS_WITH(people.save(Person{.name = "eva", .age = 2, .touchy = Touchy{false}}),
                      "not this one");
    CHECK(people.get("eva").age == 1);
}
