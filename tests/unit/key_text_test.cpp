// cachemodel: the keys of models: their text, that no two values share one, and their bounds.
// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/golden.hpp"

#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using namespace std::string_literals;

// ---- models and values of the golden file

namespace golden {

enum class Colour : std::uint8_t { red, green = 200 };
enum class Signed : std::int64_t { lowest = std::numeric_limits<std::int64_t>::min() };
enum class Flag : bool { off, on };
enum Plain { first, second };

struct UserId {
    std::int64_t value;
};

struct Position {
    Key<int> row;
    Field<std::string> column;
    std::optional<UserId> owner;
};

struct Renamed {
    static constexpr WireNames wire_names{{"value", "v=,%"}};
    int value;
};

struct Node {
    int value;
    std::vector<Node> children;
};

struct Nothing {};

class Money {
 public:
    Money(std::int64_t cents, std::string currency)
        : cents_(cents), currency_(std::move(currency)) {}
    Money() = default;
    friend std::pair<std::int64_t, std::string> to_cache_key(const Money& money) {
        return {money.cents_, money.currency_};
    }

 private:
    std::int64_t cents_ = 0;
    std::string currency_;
};

class Language {
 public:
    explicit Language(std::string tag) : tag_(std::move(tag)) {}
    Language() = default;
    friend std::string_view to_cache_key(const Language& language) { return language.tag_; }

 private:
    std::string tag_;
};

/// An aggregate whose identity is less than all of its members.
struct Measured {
    int id;
    double value;
    friend int to_cache_key(const Measured& measured) { return measured.id; }
};

struct User {
    Key<std::string> username;
    Field<std::string> email;
};

struct Outer {
    struct Inner {
        Key<int> id;
    };
};

namespace deeper {
struct User {
    Key<std::string> username;
};
}  // namespace deeper

template <class T>
struct Box {
    Key<int> id;
    Field<T> content;
};

template <int number, bool flag, Colour colour>
struct Numbered {
    Key<int> id;
};

struct Score {
    Key<std::string> player;
    Field<int> points;
    Key<int> round;
};

struct ScoreBackwards {
    Key<int> round;
    Key<std::string> player;
};

struct Named {
    static constexpr ModelOptions cache_options{.name =
                                                    "a name/with@all \"kinds\" of % ~ caf\xc3\xa9"};
    Key<int> id;
};

struct Versioned {
    static constexpr ModelOptions cache_options{.version = 4294967295};
    Key<int> id;
};

struct WithWireNames {
    static constexpr WireNames wire_names{{"id", "the id"}, {"name", "id"}};
    Key<int> id;
    Key<std::string> name;
};

struct Session {
    static constexpr ModelOptions cache_options{.name = "session", .secret_keys = true};
    Key<std::string> token;
    Field<int> user;
};

/// One key, so that "n@1/id=" and two quotes make nine bytes.
struct Short {
    static constexpr ModelOptions cache_options{.name = "n"};
    Key<std::string> id;
};

struct LongName {
    static constexpr ModelOptions cache_options{
        .name =
            "a_name_of_a_hundred_and_ninety_bytes_"
            "0123456789012345678901234567890123456789012345678901234567890123456789"
            "0123456789012345678901234567890123456789012345678901234567890123456789"
            "0123456789012"};
    Key<int> id;
};

struct VariantKey {
    static constexpr ModelOptions cache_options{.name = "shared"};
    Key<std::variant<bool, int, std::string>> id;
};

}  // namespace golden

namespace {

using namespace golden;

template <class T>
std::string text_of(const T& value) {
    static_assert(detail::key_problem<detail::KeyUse::call, T>() == detail::TypeProblem::none);
    std::string text;
    detail::append_key(text, value);
    return text;
}

template <class M>
std::string key_of(const M& model) {
    return detail::make_model_key(detail::table_of<M>(), &model).stored;
}

template <class M>
std::string full_key_of(const M& model) {
    return detail::make_model_key(detail::table_of<M>(), &model).in_envelope();
}

bool is_visible_ascii(std::string_view key) {
    for (const char c : key) {
        if (c < 0x21 || c > 0x7e) return false;
    }
    return true;
}

std::vector<std::byte> bytes(std::initializer_list<int> numbers) {
    std::vector<std::byte> result;
    for (const int number : numbers) result.push_back(static_cast<std::byte>(number));
    return result;
}

using Lines = std::vector<std::pair<std::string, std::string>>;

Lines golden_values() {
    using std::numeric_limits;
    using std::optional;
    return {
        {"false", text_of(false)},
        {"true", text_of(true)},
        {"0", text_of(0)},
        {"-1", text_of(-1)},
        {"int8 lowest", text_of(numeric_limits<std::int8_t>::min())},
        {"uint8 highest", text_of(numeric_limits<std::uint8_t>::max())},
        {"int16 lowest", text_of(numeric_limits<std::int16_t>::min())},
        {"uint32 highest", text_of(numeric_limits<std::uint32_t>::max())},
        {"int64 lowest", text_of(numeric_limits<std::int64_t>::min())},
        {"int64 highest", text_of(numeric_limits<std::int64_t>::max())},
        {"uint64 highest", text_of(numeric_limits<std::uint64_t>::max())},
        {"long long", text_of(5LL)},
        {"char A", text_of('A')},
        {"char32 euro", text_of(U'\u20ac')},
        {"enum class", text_of(Colour::green)},
        {"enum without its value in the list", text_of(static_cast<Colour>(7))},
        {"enum lowest", text_of(Signed::lowest)},
        {"enum of bool", text_of(Flag::on)},
        {"enum without class", text_of(second)},
        {"byte", text_of(std::byte{255})},
        {"monostate", text_of(std::monostate{})},

        {"text empty", text_of(""s)},
        {"text bob", text_of("bob"s)},
        {"text with a space", text_of("a b"s)},
        {"text a_b", text_of("a_b"s)},
        {"text a  b with two spaces", text_of("a  b"s)},
        {"text newline tab return", text_of("\n\t\r"s)},
        {"text NUL", text_of("\0"s)},
        {"text NUL inside", text_of("a\0b"s)},
        {"text delete and 0x1f", text_of("\x7f\x1f"s)},
        {"text UTF-8", text_of("caf\xc3\xa9 \xe2\x82\xac"s)},
        {"text Latin-1", text_of("caf\xe9\xff"s)},
        {"text quotes", text_of("\"'`"s)},
        {"text percent", text_of("100%"s)},
        {"text an escape", text_of("%22"s)},
        {"text tilde", text_of("~user"s)},
        {"text slash at colon", text_of("/a@b:c\\"s)},
        {"text like another key", text_of("x\",b=\"y"s)},
        {"text brackets", text_of("{[(<>)]}=,;?!"s)},
        {"text null", text_of("null"s)},
        {"text 42", text_of("42"s)},
        {"text true", text_of("true"s)},

        {"bytes empty", text_of(bytes({}))},
        {"bytes", text_of(bytes({0, 1, 127, 128, 255}))},
        {"bytes in an array", text_of(std::array<unsigned char, 3>{0xde, 0xad, 0x00})},
        {"bytes as numbers", text_of(std::vector<std::int8_t>{1, -1})},

        {"15 min", text_of(15min)},
        {"-1 ms", text_of(-1ms)},
        {"nanoseconds lowest", text_of(std::chrono::nanoseconds::min())},
        {"microseconds", text_of(7us)},
        {"days", text_of(std::chrono::days{3})},
        {"weeks", text_of(std::chrono::weeks{3})},
        {"thirds of a second", text_of(std::chrono::duration<int, std::ratio<2, 3>>{5})},
        {"system time in seconds", text_of(std::chrono::sys_seconds{1'700'000'000s})},
        {"system time before 1970 in days", text_of(std::chrono::sys_days{std::chrono::days{-1}})},

        {"optional empty", text_of(optional<int>{})},
        {"optional 5", text_of(optional{5})},
        {"optional of optional, empty", text_of(optional<optional<int>>{})},
        {"optional of optional, holding none", text_of(optional<optional<int>>{optional<int>{}})},
        {"optional of optional, holding 5", text_of(optional<optional<int>>{optional{5}})},
        {"optional text null", text_of(optional{"null"s})},
        {"pair", text_of(std::pair{1, "a"s})},
        {"tuple", text_of(std::tuple{true, -5, "x"s})},
        {"tuple empty", text_of(std::tuple<>{})},
        {"tuple of one", text_of(std::tuple<int>{1})},
        {"array", text_of(std::array{1, 2, 3})},
        {"array of none", text_of(std::array<int, 0>{})},
        {"vector", text_of(std::vector{"a"s, "b"s})},
        {"vector empty", text_of(std::vector<int>{})},
        {"vector of one empty text", text_of(std::vector{""s})},
        {"vector of bool", text_of(std::vector{true, false})},
        {"vector of vectors", text_of(std::vector<std::vector<int>>{{}, {1}, {2, 3}})},
        {"deque", text_of(std::deque{1, 2})},
        {"set", text_of(std::set{3, 1, 2})},
        {"map", text_of(std::map<std::string, int>{{"b", 2}, {"a", 1}})},
        {"map empty", text_of(std::map<std::string, int>{})},
        {"map of numbers to lists", text_of(std::map<int, std::vector<int>>{{-1, {}}, {1, {2}}})},
        {"unordered map", text_of(std::unordered_map<std::string, int>{{"b", 2}, {"a", 1}})},
        {"unordered set", text_of(std::unordered_set{10, 9, -1})},

        {"aggregate", text_of(UserId{7})},
        {"aggregate of wrappers", text_of(Position{.row = 1, .column = "b", .owner = UserId{2}})},
        {"aggregate with wire names", text_of(Renamed{5})},
        {"aggregate of itself", text_of(Node{1, {{2, {}}, {3, {{4, {}}}}}})},
        {"aggregate without members", text_of(Nothing{})},
        {"variant bool", text_of(std::variant<bool, int, std::string>{true})},
        {"variant int", text_of(std::variant<bool, int, std::string>{1})},
        {"variant text", text_of(std::variant<bool, int, std::string>{"1"})},
        {"variant of equal types", text_of(std::variant<int, int>{std::in_place_index<1>, 1})},
        {"to_cache_key giving a pair", text_of(Money{-1999, "EUR"})},
        {"to_cache_key giving a text", text_of(Language{"pt BR"})},
        {"to_cache_key giving a number", text_of(Measured{5, 0.5})},
        {"vector of to_cache_key", text_of(std::vector{Language{"de"}, Language{"fr"}})},
    };
}

Lines golden_models() {
    return {
        {"User", key_of(User{.username = "bob"})},
        {"User with everything in its name", key_of(User{.username = "b o\nb/\"%~\xc3\xa9,="})},
        {"nested class", key_of(Outer::Inner{.id = 1})},
        {"nested namespace", key_of(golden::deeper::User{.username = "bob"})},
        {"template of int", key_of(Box<int>{.id = 1})},
        {"template of text", key_of(Box<std::string>{.id = 1})},
        {"template of a map",
         key_of(Box<std::map<std::string, std::vector<unsigned long>>>{.id = 1})},
        {"template of a template", key_of(Box<Box<User>>{.id = 1})},
        {"template of values", key_of(Numbered<-5, true, Colour::green>{.id = 1})},
        {"two keys with a field between", key_of(Score{.player = "bob", .round = 7})},
        {"two keys the other way round", key_of(ScoreBackwards{.round = 7, .player = "bob"})},
        {"name", key_of(Named{.id = 1})},
        {"version", key_of(Versioned{.id = 1})},
        {"wire names", key_of(WithWireNames{.id = 1, .name = "x"})},
        {"secret", key_of(Session{.token = "t0k3n"})},
        {"variant", key_of(VariantKey{.id = "x"s})},
        {"180 bytes", key_of(Short{.id = std::string(171, 'x')})},
        {"181 bytes", key_of(Short{.id = std::string(172, 'x')})},
        {"300 bytes", key_of(Short{.id = std::string(300, 'x')})},
        {"10 kB", key_of(Short{.id = std::string(10'000, 'x')})},
        {"long, cut before an escape",
         key_of(Short{.id = std::string(138, 'x') + "  " + std::string(100, 'x')})},
        {"long, cut after an escape",
         key_of(Short{.id = std::string(136, 'x') + "  " + std::string(100, 'x')})},
        {"long name", key_of(LongName{.id = 1})},
    };
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

}  // namespace

TEST_CASE("keys are the same for every compiler and every release", "[key_text][golden]") {
    std::vector<std::string> lines;
    for (const Lines& part : {golden_values(), golden_models()}) {
        for (const auto& [label, key] : part) lines.push_back(label + ": " + key);
    }
    const auto expected = lines_of(tests::golden("keys.txt"));
    for (std::size_t i = 0; i < std::min(lines.size(), expected.size()); ++i) {
        CHECK(lines[i] == expected[i]);
    }
    CHECK(lines.size() == expected.size());
    for (const auto& line : lines) {
        CHECK(is_visible_ascii(line.substr(line.find(": ") + 2)));
    }
}

// ---- no two values share a key

TEST_CASE("values that look alike have keys of their own", "[key_text][injective]") {
    const auto differ = [](const auto&... values) {
        std::set<std::string> texts;
        (texts.insert(text_of(values)), ...);
        return texts.size() == sizeof...(values);
    };
    CHECK(differ("a_b"s, "a  b"s, "a b"s, " a_b"s));
    CHECK(differ("_ "s, " _"s));
    CHECK(differ("%20"s, " "s, "%2520"s));
    CHECK(differ(42, "42"s));
    CHECK(differ("null"s, std::optional<std::string>{}, std::optional{"null"s}));

    using Pair = std::pair<std::string, std::string>;
    CHECK(differ(Pair{"ab", "c"}, Pair{"a", "bc"}, Pair{"abc", ""}, Pair{"", "abc"}));
    CHECK(differ(Pair{"a\",\"b", "c"}, Pair{"a", "b\",\"c"}));
    using Texts = std::vector<std::string>;
    CHECK(differ(Texts{}, Texts{""}, Texts{"", ""}, Texts{","}, Texts{"\",\""}));
    using Nested = std::vector<std::vector<int>>;
    CHECK(differ(Nested{}, Nested{{}}, Nested{{}, {}}, Nested{{1, 2}}, Nested{{1}, {2}}));
    using Choice = std::variant<bool, int, std::string>;
    CHECK(differ(Choice{true}, Choice{1}, Choice{"1"}, Choice{"true"}));
    using Entries = std::map<std::string, std::string>;
    CHECK(differ(Entries{{"a", "b"}}, Entries{{"a", "b=c"}}, Entries{{"a=b", "c"}},
                 Entries{{"a", "b"}, {"c", "d"}}, Entries{{"a", "b\",\"c\"=\"d"}}));
    using Deep = std::optional<std::optional<std::optional<int>>>;
    CHECK(differ(Deep{}, Deep{std::in_place}, Deep{std::in_place, std::in_place}, Deep{0}));
    using Time = std::variant<std::chrono::seconds, std::chrono::sys_seconds, std::int64_t>;
    CHECK(differ(Time{1s}, Time{std::chrono::sys_seconds{1s}}, Time{std::int64_t{1}}));
}

TEST_CASE("two models of one name do not share keys of different types", "[key_text][injective]") {
    struct Number {
        Key<int> id;
    };
    struct Text {
        Key<std::string> id;
    };
    struct Truth {
        Key<bool> id;
    };
    const std::set<std::string> keys{text_of(1), text_of("1"s), text_of(true), text_of("true"s)};
    CHECK(keys.size() == 4);
    CHECK(key_of(Number{.id = 1}).ends_with("::Number@1/id=1"));
    CHECK(key_of(Text{.id = "1"}).ends_with("::Text@1/id=\"1\""));
    CHECK(key_of(Truth{.id = true}).ends_with("::Truth@1/id=true"));
}

namespace {

/// Short values of few different bytes, most of which mean something in a key.
class RandomValues {
 public:
    explicit RandomValues(unsigned seed) : engine_(seed) {}

    int number(int most) { return static_cast<int>(engine_() % (static_cast<unsigned>(most) + 1)); }
    std::string text() {
        static constexpr std::string_view alphabet{"a\"%,=~/[]{}()<>?@:x2c \0\n\xc3", 25};
        std::string result;
        for (int size = number(4); size > 0; --size) {
            result += alphabet[static_cast<std::size_t>(number(24))];
        }
        return result;
    }
    std::vector<std::string> texts() {
        std::vector<std::string> result;
        for (int size = number(3); size > 0; --size) result.push_back(text());
        return result;
    }
    std::map<std::string, std::string> entries() {
        std::map<std::string, std::string> result;
        for (int size = number(2); size > 0; --size) result.emplace(text(), text());
        return result;
    }
    std::optional<std::optional<int>> optional() {
        switch (number(2)) {
            case 0:
                return std::nullopt;
            case 1:
                return std::optional<int>{};
            default:
                return number(2) - 1;
        }
    }
    std::variant<bool, int, std::string> variant() {
        switch (number(2)) {
            case 0:
                return number(1) == 1;
            case 1:
                return number(20) - 10;
            default:
                return text();
        }
    }

 private:
    std::mt19937 engine_;
};

struct Mixed {
    static constexpr ModelOptions cache_options{.name = "mixed"};
    Key<std::string> text;
    Key<std::optional<std::optional<int>>> optional;
    Key<std::vector<std::string>> texts;
    Key<std::variant<bool, int, std::string>> variant;
    Key<std::map<std::string, std::string>> entries;
};

}  // namespace

TEST_CASE("random values never share a key, and keys keep their bounds", "[key_text][injective]") {
    using Values =
        std::tuple<std::string, std::optional<std::optional<int>>, std::vector<std::string>,
                   std::variant<bool, int, std::string>, std::map<std::string, std::string>>;
    RandomValues random{20'240'229};
    std::map<std::string, Values> values_by_key;
    std::set<Values> distinct;
    int too_long = 0;
    int not_visible = 0;
    int shared = 0;
    for (int i = 0; i < 20'000; ++i) {
        Values values{random.text(), random.optional(), random.texts(), random.variant(),
                      random.entries()};
        const auto& [text, optional, texts, variant, entries] = values;
        const std::string key = key_of(Mixed{.text = text,
                                             .optional = optional,
                                             .texts = texts,
                                             .variant = variant,
                                             .entries = entries});
        if (key.size() > 180) ++too_long;
        if (!is_visible_ascii(key)) ++not_visible;
        distinct.insert(values);
        const auto [place, is_new] = values_by_key.emplace(key, values);
        if (!is_new && place->second != values) ++shared;
    }
    CHECK(too_long == 0);
    CHECK(not_visible == 0);
    CHECK(shared == 0);
    CHECK(distinct.size() > 10'000);
    CHECK(values_by_key.size() == distinct.size());
}

TEST_CASE("random lists of short texts never share the text of a key", "[key_text][injective]") {
    RandomValues random{7};
    std::map<std::string, std::vector<std::string>> texts_by_key;
    int shared = 0;
    for (int i = 0; i < 50'000; ++i) {
        auto texts = random.texts();
        const auto [place, is_new] = texts_by_key.emplace(text_of(texts), texts);
        if (!is_new && place->second != texts) ++shared;
    }
    CHECK(shared == 0);
}

TEST_CASE("the order of what has no order does not matter in a key", "[key_text]") {
    std::unordered_map<std::string, int> forwards;
    std::unordered_map<std::string, int> backwards;
    backwards.rehash(1000);
    for (int i = 0; i < 100; ++i) forwards.emplace(std::to_string(i), i);
    for (int i = 99; i >= 0; --i) backwards.emplace(std::to_string(i), i);
    CHECK(text_of(forwards) == text_of(backwards));
    CHECK(text_of(forwards).starts_with("{\"0\"=0,\"1\"=1,\"10\"=10,\"11\"=11,"));

    const auto nested = [](bool turned) {
        std::vector<std::unordered_set<int>> sets(1);
        if (turned) sets[0].rehash(500);
        for (int i = 0; i < 50; ++i) sets[0].insert(turned ? 49 - i : i);
        return sets;
    };
    CHECK(text_of(nested(false)) == text_of(nested(true)));

    const std::map<std::string, int, std::greater<>> descending{{"a", 1}, {"b", 2}};
    CHECK(text_of(descending) == "{\"b\"=2,\"a\"=1}");
}

// ---- long keys

TEST_CASE("a key of up to 180 bytes is readable, a longer one ends in a digest",
          "[key_text][long]") {
    const Short longest{.id = std::string(171, 'x')};
    CHECK(key_of(longest) == "n@1/id=\"" + std::string(171, 'x') + "\"");
    CHECK(key_of(longest).size() == 180);
    CHECK(full_key_of(longest) == key_of(longest));

    // The digests are the first 32 digits of what sha256sum prints for the whole key.
    const Short too_long{.id = std::string(172, 'x')};
    CHECK(key_of(too_long) ==
          "n@1/id=\"" + std::string(139, 'x') + "~badbf2d7670a2e256f6686142e82058f");
    CHECK(key_of(too_long).size() == 180);
    CHECK(full_key_of(too_long) == "n@1/id=\"" + std::string(172, 'x') + "\"");

    CHECK(key_of(Short{.id = std::string(300, 'x')}) ==
          "n@1/id=\"" + std::string(139, 'x') + "~9bfdb70e99ea6d5aa8ee1365fb08e31a");
    CHECK(key_of(Short{.id = std::string(10'000, 'x')}) ==
          "n@1/id=\"" + std::string(139, 'x') + "~494dde1a21a513f885d8a75e2904d5e7");
}

TEST_CASE("a long key is not cut inside of an escape", "[key_text][long]") {
    for (std::size_t before = 130; before < 142; ++before) {
        const std::string key =
            key_of(Short{.id = std::string(before, 'x') + "\n\n\n\n" + std::string(100, 'x')});
        const std::string head = key.substr(0, key.find('~'));
        CHECK(key.size() - head.size() == 33);
        CHECK(head.size() >= 145);
        CHECK(head.size() <= 147);
        // Whatever follows an escape's percent is two digits.
        const auto percent = head.rfind('%');
        if (percent != std::string::npos) CHECK(percent + 3 <= head.size());
    }
}

TEST_CASE("no key can be taken for a digest", "[key_text][long]") {
    const std::string imitated = key_of(Short{.id = std::string(300, 'x')});
    const std::string imitation = key_of(Short{.id = imitated.substr(8)});
    CHECK(imitated != imitation);
    CHECK(imitation.find('~') == imitation.size() - 33);
    CHECK(key_of(Short{.id = "~"}) == "n@1/id=\"%7e\"");
}

TEST_CASE("entities with long keys are told apart", "[key_text][long]") {
    const Models<Short> models{Cache::open("memory://")};
    const std::string common(10'000, 'x');
    models.save({.id = common + "1"});
    CHECK(models.find(common + "1").found());
    CHECK(models.find(common + "2").absent());
    CHECK(models.find(common).absent());
    const std::string stored = models.key_for(common + "1");
    CHECK(stored.size() == 180);
    CHECK(stored != models.key_for(common + "2"));
}

TEST_CASE("an entry of another long key is a miss even where the digests are equal",
          "[key_text][long]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache cache{backend};
    const Models<Short> models{cache};
    const std::string one(300, 'x');
    const std::string other = one + "y";
    models.save({.id = one});
    backend->plant(cache.final_key(models.key_for(other)),
                   *backend->stored(cache.final_key(models.key_for(one))));
    CHECK(models.find(other).absent());
    CHECK(models.find(other).reason() == MissReason::other_key);
}

// ---- names of classes

namespace {

/// The name that a key would begin with; "none" where one must be given.
template <class M>
std::string name_of() {
    try {
        return detail::make_model_name(typeid(M), {}).name;
    } catch (const ConfigError&) {
        return "none";
    }
}

template <class T>
struct Wrapped {
    Key<int> id;
};

struct Function {
    static std::vector<std::string> overloaded(int) {
        std::vector<std::string> names;
        {
            struct Twin {};
            names.push_back(name_of<Twin>());
        }
        {
            struct Twin {};
            names.push_back(name_of<Twin>());
        }
        return names;
    }
    static std::vector<std::string> overloaded(const std::string&) {
        struct Twin {};
        return {name_of<Twin>()};
    }
    std::string member() const {
        struct Twin {};
        return name_of<Twin>();
    }
    Function() {
        {
            struct Twin {};
            in_constructor.push_back(name_of<Twin>());
        }
        {
            struct Twin {};
            in_constructor.push_back(name_of<Twin>());
        }
    }
    std::vector<std::string> in_constructor;
};

template <class T>
std::vector<std::string> in_template() {
    std::vector<std::string> names;
    {
        struct Twin {};
        names.push_back(name_of<Twin>());
    }
    {
        struct Twin {};
        names.push_back(name_of<Twin>());
    }
    return names;
}

}  // namespace

namespace golden {

inline std::vector<std::string> twins() {
    std::vector<std::string> names;
    {
        struct Twin {
            struct Inside {};
        };
        names.push_back(name_of<Twin>());
        names.push_back(name_of<Twin::Inside>());
        names.push_back(name_of<Wrapped<Twin>>());
    }
    {
        struct Twin {
            struct Inside {};
        };
        names.push_back(name_of<Twin>());
        names.push_back(name_of<Twin::Inside>());
        names.push_back(name_of<Wrapped<Twin>>());
        names.push_back(name_of<Wrapped<std::pair<int, Wrapped<Twin>>>>());
    }
    return names;
}

}  // namespace golden

TEST_CASE("a class is named as its source spells it", "[key_text][names]") {
    CHECK(name_of<golden::User>() == "golden::User");
    CHECK(name_of<golden::Outer::Inner>() == "golden::Outer::Inner");
    CHECK(name_of<golden::Box<std::string>>() == "golden::Box<std::string>");
    CHECK(name_of<golden::Box<golden::Box<int>>>() == "golden::Box<golden::Box<int>>");
    CHECK(name_of<Wrapped<int>>() == "(anonymous namespace)::Wrapped<int>");
}

TEST_CASE("local types of one name do not share their keys", "[key_text][names]") {
    using Names = std::vector<std::string>;
    CHECK(golden::twins() == Names{"golden::twins()::Twin", "golden::twins()::Twin::Inside",
                                   "(anonymous namespace)::Wrapped<golden::twins()::Twin>", "none",
                                   "none", "none", "none"});
    CHECK(Function::overloaded(1) ==
          Names{"(anonymous namespace)::Function::overloaded(int)::Twin", "none"});
    CHECK(Function::overloaded("") ==
          Names{"(anonymous namespace)::Function::overloaded(std::string const&)::Twin"});
    CHECK(Function{}.member() == "(anonymous namespace)::Function::member() const::Twin");
    CHECK(Function{}.in_constructor ==
          Names{"(anonymous namespace)::Function::Function()::Twin", "none"});
    CHECK(in_template<int>()[1] == "none");
    CHECK(in_template<int>()[0] != in_template<bool>()[0]);
}

TEST_CASE("the twelfth local type of one name is told from the first", "[key_text][names]") {
    std::vector<std::string> names;
#define CACHEMODEL_ONE_MORE_TWIN          \
    {                                     \
        struct Twin {};                   \
        names.push_back(name_of<Twin>()); \
    }
    CACHEMODEL_ONE_MORE_TWIN CACHEMODEL_ONE_MORE_TWIN CACHEMODEL_ONE_MORE_TWIN
        CACHEMODEL_ONE_MORE_TWIN CACHEMODEL_ONE_MORE_TWIN CACHEMODEL_ONE_MORE_TWIN
            CACHEMODEL_ONE_MORE_TWIN CACHEMODEL_ONE_MORE_TWIN CACHEMODEL_ONE_MORE_TWIN
                CACHEMODEL_ONE_MORE_TWIN CACHEMODEL_ONE_MORE_TWIN CACHEMODEL_ONE_MORE_TWIN
                    CACHEMODEL_ONE_MORE_TWIN
#undef CACHEMODEL_ONE_MORE_TWIN
                        REQUIRE(names.size() == 13);
    CHECK(names[0].ends_with("()::Twin"));
    for (std::size_t i = 1; i < names.size(); ++i) CHECK(names[i] == "none");
}

TEST_CASE("a local type whose name ends in digits is not taken for a second one",
          "[key_text][names]") {
    struct Twin {};
    struct Twin_0 {};
    struct Twin__10_ {};
    struct _1 {};
    struct T_2_3__4_ {};
    CHECK(name_of<Twin>().ends_with("()::Twin"));
    CHECK(name_of<Twin_0>().ends_with("()::Twin_0"));
    CHECK(name_of<Twin__10_>().ends_with("()::Twin__10_"));
    CHECK(name_of<_1>().ends_with("()::_1"));
    CHECK(name_of<T_2_3__4_>().ends_with("()::T_2_3__4_"));
    CHECK(name_of<Wrapped<Twin_0>>().ends_with("()::Twin_0>"));
}

TEST_CASE("types inside of lambdas and types without a name need a name", "[key_text][names]") {
    const auto lambda = [] {
        struct Local {
            Key<int> id;
        };
        const Models<Local> models{Cache::open("memory://")};
        CHECK_THROWS_AS(models.key_for(1), ConfigError);
        CHECK_THROWS_AS(models.save({.id = 1}), ConfigError);
        CHECK_THROWS_AS(models.find(1).found(), ConfigError);
        return name_of<Local>();
    };
    CHECK(lambda() == "none");
    CHECK(name_of<decltype(lambda)>() == "none");
    CHECK(name_of<Wrapped<decltype(lambda)>>() == "none");
    const auto generic = [](auto value) {
        struct Local {
            decltype(value) member;
        };
        return name_of<Local>();
    };
    CHECK(generic(1) == "none");
    struct {
        int member;
    } unnamed{};
    CHECK(unnamed.member == 0);
    CHECK(name_of<decltype(unnamed)>() == "none");
    CHECK(name_of<Wrapped<decltype(unnamed)>>() == "none");

    try {
        static_cast<void>(detail::make_model_name(typeid(lambda), {}));
        FAIL("nothing was thrown");
    } catch (const ConfigError& error) {
        CHECK(std::string_view{error.what()}.find("cache_options{.name") != std::string_view::npos);
    }
    CHECK(detail::make_model_name(typeid(lambda), {.name = "given"}).head == "given@1/");
}

// ---- namespaces of entries

TEST_CASE("prefixes, versions of the cache and versions of the model keep entries apart",
          "[key_text]") {
    const Cache cache = Cache::open("memory://");
    const Models<User> users{cache};
    const Models<User> others{cache.with_prefix("site2")};
    const Models<User> later{cache.with_version(2)};
    users.save({.username = "bob", .email = "1"});
    CHECK(others.find("bob").absent());
    CHECK(later.find("bob").absent());
    others.save({.username = "bob", .email = "2"});
    CHECK(users.get("bob").email == "1");
    CHECK(others.get("bob").email == "2");
    CHECK(users.key_for("bob") == "golden::User@1/username=\"bob\"");
    CHECK(others.cache().final_key(others.key_for("bob")) ==
          "site2:1:golden::User@1/username=\"bob\"");
}

TEST_CASE("key_for takes what get takes", "[key_text]") {
    const Models<Score> scores{Cache::open("null://")};
    const std::string key = "golden::Score@1/player=\"bob\",round=7";
    CHECK(scores.key_for("bob", 7) == key);
    CHECK(scores.key_for(std::string{"bob"}, short{7}) == key);
    CHECK(scores.key_for(std::tuple{"bob", 7}) == key);
    CHECK(scores.key_for(std::pair{"bob"s, 7}) == key);
    CHECK(scores.key_for({.player = "bob", .round = 7}) == key);
    CHECK(scores.key_for(Score{.player = "bob", .points = 5, .round = 7}) == key);
    CHECK(scores.key_for(CacheModel{Score{.player = "bob", .round = 7}}) == key);
    CHECK(scores.key_for(Key<std::string>{"bob"}, Field<int>{7}) == key);
}

// ---- secrets

TEST_CASE("a secret key is seen nowhere", "[key_text][secret]") {
    const std::string secret = "p4ssw0rd";
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache cache{backend};
    const Models<Session> sessions{cache};

    // What sha256sum prints for session@1/token="p4ssw0rd"
    const std::string digest = "3f8ccfcecfbfca468f40ebe5be418d502c89299615c9d1ef28544438355b424b";
    CHECK(sessions.key_for(secret) == "session@1/~" + digest);
    CHECK(sessions.key_for(std::string(10'000, 'x')).size() == 75);
    CHECK(sessions.key_for("a") != sessions.key_for("b"));

    sessions.save({.token = secret, .user = 7});
    CHECK(sessions.get(secret).user == 7);
    CHECK(sessions.get(secret).token == secret);
    const std::string final_key = cache.final_key(sessions.key_for(secret));
    const auto entry = backend->stored(final_key);
    REQUIRE(entry);
    CHECK(entry->find(secret) == std::string::npos);
    CHECK(entry->find("session@1/~" + digest) != std::string::npos);
    CHECK(final_key.find(secret) == std::string::npos);

    const auto message_of = [](const auto& action) -> std::string {
        try {
            action();
        } catch (const Missing& error) {
            return error.what() + error.key() + error.model();
        } catch (const std::exception& error) {
            return error.what();
        }
        return "";
    };
    const std::string missing = message_of([&] { sessions.get(secret + "?"); });
    CHECK(missing.find("session") != std::string::npos);
    CHECK(missing.find(secret) == std::string::npos);
    CHECK(message_of([&] { sessions.save({}); }).find("token") != std::string::npos);

    backend->go_down();
    for (const std::string& message :
         {message_of([&] { sessions.get(secret); }), message_of([&] { *sessions.find(secret); }),
          message_of([&] { sessions.save({.token = secret}); }),
          message_of([&] { sessions.remove(secret); }),
          message_of([&] { sessions.touch(secret, 1s); }),
          message_of([&] { sessions.exists(secret); }), sessions.find(secret).failure().message(),
          sessions.get_many({secret}).front().failure().message()}) {
        CHECK_FALSE(message.empty());
        CHECK(message.find(secret) == std::string::npos);
    }
}
