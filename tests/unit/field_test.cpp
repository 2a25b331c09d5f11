// cachemodel: Field and Key as values: how they are made, read, compared and changed.
// SPDX-License-Identifier: MIT
#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <cachemodel/error.hpp>
#include <cachemodel/field.hpp>
#include <cachemodel/json.hpp>
#include <cachemodel/key.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <concepts>
#include <cstdint>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

namespace {

struct User {
    Key<int> id;
    Field<std::string> name;
    Field<std::vector<std::string>> tags = {"new"};
    Field<std::optional<double>> height;
    Field<bool> active = true;
};

struct Order {
    Key<std::int64_t> number;
    Field<int> user_id;
};

enum class Colour { red, green };

/// Takes part in no implicit conversion.
struct Metres {
    explicit Metres(int how_many) : count(how_many) {}
    Metres() = default;
    bool operator==(const Metres&) const = default;
    int count = 0;
};

template <class A, class B>
concept ComparesWith = requires(const A& a, const B& b) {
    a == b;
};

template <class A, class B>
concept OrdersWith = requires(const A& a, const B& b) {
    a < b;
};

template <class T>
concept Streams = requires(std::ostream& stream, const T& value) {
    stream << value;
};

}  // namespace

TEST_CASE("a field takes whatever its type takes", "[field][construction]") {
    const User user{.id = 7, .name = "Ada", .tags = {"a", "b"}, .height = 1.75, .active = false};
    CHECK(*user.id == 7);
    CHECK(*user.name == "Ada");
    CHECK(*user.tags == std::vector<std::string>{"a", "b"});
    CHECK(*user.height == std::optional{1.75});
    CHECK_FALSE(*user.active);

    const Field<std::string> from_view_of_text = std::string{"text"};
    CHECK(*from_view_of_text == "text");
    const Field<std::chrono::milliseconds> from_other_unit = 2s;
    CHECK(*from_other_unit == 2000ms);
    const Field<std::variant<bool, int, std::string>> alternative = 5;
    CHECK(std::get<int>(*alternative) == 5);
    const Field<std::optional<std::string>> optional_text = "text";
    CHECK(optional_text->value() == "text");
    const Field<std::optional<std::string>> nothing = std::nullopt;
    CHECK_FALSE(nothing->has_value());
    const Field<double> whole = 3;
    CHECK(*whole == 3.0);
    const Field<Colour> colour = Colour::green;
    CHECK(*colour == Colour::green);
    const Field<short> narrow = 5;
    CHECK(*narrow == 5);
    const Field<Metres> metres = Metres{3};
    CHECK(metres->count == 3);
}

TEST_CASE("a field takes lists where its type is a container", "[field][construction]") {
    const Field<std::vector<int>> numbers = {1, 2, 3};
    CHECK(*numbers == std::vector{1, 2, 3});
    const Field<std::vector<int>> one_number = {3};
    CHECK(*one_number == std::vector{3});
    const Field<std::map<int, std::string>> names = {{1, "x"}, {2, "y"}};
    CHECK(names->at(2) == "y");
    const Field<std::set<std::string>> words = {"b", "a"};
    CHECK(*words == std::set<std::string>{"a", "b"});
    const Field<std::array<std::string, 2>> pair = std::array<std::string, 2>{"a", "b"};
    CHECK((*pair)[1] == "b");
    const Field<std::vector<std::vector<int>>> nested = {{1}, {2, 3}};
    CHECK(nested->at(1) == std::vector{2, 3});
    const Field<std::vector<int>> none = {};
    CHECK(none->empty());
    const Key<std::vector<std::string>> path = {"usr", "lib"};
    CHECK(path->size() == 2);
    CHECK(path.is_set());

    Field<std::vector<int>> replaced = {1};
    replaced = {4, 5};
    CHECK(*replaced == std::vector{4, 5});
}

TEST_CASE("a field without a value holds its type's default", "[field][construction]") {
    const User user{};
    CHECK(*user.id == 0);
    CHECK(user.name->empty());
    CHECK(*user.tags == std::vector<std::string>{"new"});
    CHECK_FALSE(user.height->has_value());
    CHECK(*user.active);
    const Field<double> zero;
    CHECK(*zero == 0.0);
}

TEST_CASE("a field refuses conversions that lose the meaning of a value", "[field][construction]") {
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<bool>, const char*>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<bool>, const char(&)[6]>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<bool>, std::nullptr_t>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<bool>, Field<const char*>>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<std::optional<bool>>, const char*>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<int>, double>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<int>, float&>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<int>, Field<double>>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<bool>, double>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<std::optional<int>>, double>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<std::optional<int>>, std::optional<double>>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Field<std::string>, std::nullptr_t>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Key<std::string>, std::nullptr_t>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Key<int>, double>);
    STATIC_REQUIRE_FALSE(std::constructible_from<Key<bool>, const char*>);
    STATIC_REQUIRE_FALSE(std::assignable_from<Field<int>&, double>);
    STATIC_REQUIRE_FALSE(std::assignable_from<Field<bool>&, const char*>);

    STATIC_REQUIRE(std::constructible_from<Field<double>, int>);
    STATIC_REQUIRE(std::constructible_from<Field<bool>, int>);
    STATIC_REQUIRE(std::constructible_from<Field<int>, bool>);
    STATIC_REQUIRE(std::constructible_from<Field<float>, double>);
    STATIC_REQUIRE(std::constructible_from<Field<long>, Field<int>>);
    STATIC_REQUIRE(std::constructible_from<Field<std::optional<double>>, float>);
}

TEST_CASE("a field refuses what its type takes only when asked explicitly",
          "[field][construction]") {
    STATIC_REQUIRE_FALSE(std::convertible_to<int, Field<Metres>>);
    STATIC_REQUIRE_FALSE(std::convertible_to<int, Field<std::vector<int>>>);
    STATIC_REQUIRE_FALSE(std::convertible_to<int, Field<std::chrono::seconds>>);
    STATIC_REQUIRE_FALSE(std::convertible_to<std::string_view, Field<std::string>>);
    STATIC_REQUIRE_FALSE(std::convertible_to<std::string, Field<int>>);
    STATIC_REQUIRE_FALSE(std::convertible_to<int, Field<Colour>>);
}

TEST_CASE("a field reads like the value that it holds", "[field]") {
    User user{.id = 7, .name = "Ada"};
    const std::string copy = user.name;
    CHECK(copy == "Ada");
    const std::string& same = user.name;
    CHECK(&same == &*user.name);
    CHECK(user.name->size() == 3);
    const auto length_of = [](const std::string& text) { return text.size(); };
    CHECK(length_of(user.name) == 3);
    const int id = user.id;
    CHECK(id == 7);
    if (user.active) {
        CHECK(*user.active);
    } else {
        FAIL("the field is true");
    }
    switch (user.id) {
        case 7:
            break;
        default:
            FAIL("the key is seven");
    }
    const auto& unchanged = user;
    const std::string other_copy = unchanged.name;
    CHECK(other_copy == "Ada");
    STATIC_REQUIRE(std::same_as<decltype(*unchanged.name), const std::string&>);
    STATIC_REQUIRE(std::same_as<decltype(*user.name), std::string&>);
    STATIC_REQUIRE(std::same_as<decltype(*user.id), const int&>);
}

TEST_CASE("a field is changed in place and by assignment", "[field]") {
    User user;
    user.name = "Ada";
    user.name->append(" Lovelace");
    CHECK(*user.name == "Ada Lovelace");
    *user.name = "Grace";
    CHECK(*user.name == "Grace");
    std::string& inside = user.name;
    inside.clear();
    CHECK(user.name->empty());
    user.height = 1.5;
    user.height->reset();
    CHECK_FALSE(user.height->has_value());
    user.height = std::nullopt;
    CHECK_FALSE(user.height->has_value());
    user.tags->push_back("second");
    CHECK(*user.tags == std::vector<std::string>{"new", "second"});
    user.name = Field<std::string>{"Edsger"};
    CHECK(*user.name == "Edsger");
}

TEST_CASE("copies of a field are independent", "[field]") {
    Field<std::vector<int>> first = {1};
    Field<std::vector<int>> second = first;
    second->push_back(2);
    CHECK(first->size() == 1);
    first = second;
    second->clear();
    CHECK(first->size() == 2);
    auto& itself = first;
    first = itself;
    CHECK(first->size() == 2);
}

TEST_CASE("a field may hold what can only be moved", "[field]") {
    Field<std::unique_ptr<int>> field = std::make_unique<int>(5);
    CHECK(**field == 5);
    Field<std::unique_ptr<int>> taken = std::move(field);
    CHECK(*field == nullptr);
    CHECK(**taken == 5);
    STATIC_REQUIRE_FALSE(std::copyable<Field<std::unique_ptr<int>>>);
    STATIC_REQUIRE(std::movable<Field<std::unique_ptr<int>>>);
}

TEST_CASE("a field costs no more than what it holds", "[field][cost]") {
    STATIC_REQUIRE(sizeof(Field<std::string>) == sizeof(std::string));
    STATIC_REQUIRE(sizeof(Field<char>) == 1);
    STATIC_REQUIRE(std::is_trivially_copyable_v<Field<int>>);
    STATIC_REQUIRE(std::is_trivially_copyable_v<Key<int>>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Field<std::string>>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<Field<std::string>>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Key<std::string>>);
    STATIC_REQUIRE(std::is_nothrow_constructible_v<Field<std::string>, std::string>);
    STATIC_REQUIRE_FALSE(std::is_nothrow_constructible_v<Field<std::string>, const std::string&>);
}

TEST_CASE("a text moved into a field and compared there is not copied", "[field][cost]") {
    std::string text(100, 'x');
    const std::string equal(100, 'x');
    const char* const place = text.data();
    bool same = false;
    Field<std::string> field;
    const auto before = support::allocations_of_this_thread();
    field = std::move(text);
    same = field == equal && field == std::string_view{equal} && !(field < equal);
    const auto allocated = support::allocations_of_this_thread() - before;
    CHECK(allocated == 0);
    CHECK(same);
    CHECK(field->data() == place);
}

TEST_CASE("a field compares with whatever its value compares with", "[field][comparison]") {
    const Field<std::string> name = "bob";
    CHECK(name == "bob");
    CHECK("bob" == name);
    CHECK(name != "eve");
    CHECK("eve" != name);
    CHECK(name == std::string{"bob"});
    CHECK(name == std::string_view{"bob"});
    CHECK(name < "eve");
    CHECK("eve" > name);
    CHECK(name <= std::string{"bob"});
    CHECK(std::string{"abc"} < name);
    CHECK((name <=> "bob") == std::strong_ordering::equal);

    const Field<int> count = 5;
    CHECK(count == 5);
    CHECK(count == 5L);
    CHECK(count == 5.0);
    CHECK(4 < count);
    CHECK(count >= 5);
    CHECK((5 <=> count) == std::strong_ordering::equal);

    const Field<double> share = 0.5;
    CHECK(share < 1);
    STATIC_REQUIRE(std::same_as<decltype(share <=> share), std::partial_ordering>);

    const Field<std::optional<int>> maybe = 5;
    CHECK(maybe == 5);
    CHECK(maybe != std::nullopt);
    CHECK(std::nullopt != maybe);

    const Field<std::vector<std::string>> tags = {"a"};
    CHECK(tags == std::vector<std::string>{"a"});
    CHECK(tags < std::vector<std::string>{"b"});

    const Field<Colour> colour = Colour::green;
    CHECK(colour == Colour::green);
    CHECK(Colour::red < colour);

    const Field<std::chrono::milliseconds> timeout = 1500ms;
    CHECK(timeout > 1s);

    const Field<Metres> metres = Metres{3};
    CHECK(metres == Metres{3});
    STATIC_REQUIRE_FALSE(OrdersWith<Field<Metres>, Field<Metres>>);
    STATIC_REQUIRE_FALSE(ComparesWith<Field<Metres>, int>);
}

TEST_CASE("wrappers of any kind compare with each other", "[field][comparison]") {
    const User user{.id = 7, .name = "Ada"};
    const Order order{.number = 7, .user_id = 7};
    CHECK(user.id == order.user_id);
    CHECK(order.user_id == user.id);
    CHECK(user.id == order.number);
    CHECK(user.id <= order.number);
    CHECK((user.id <=> order.user_id) == std::strong_ordering::equal);
    CHECK(user.name == user.name);
    CHECK_FALSE(user.name != user.name);
    CHECK(Field<std::string>{"a"} < Key<std::string>{"b"});
    CHECK(Field<nlohmann::json>{5} == Field<nlohmann::json>{5});
    CHECK(Json<int>{5} == Field<int>{5});
    STATIC_REQUIRE_FALSE(ComparesWith<Key<int>, Field<std::string>>);
}

TEST_CASE("containers of wrappers compare and sort", "[field][comparison]") {
    const std::set<Key<int>> keys{3, 1, 2};
    CHECK(keys == std::set<Key<int>>{1, 2, 3});
    CHECK(keys != std::set<Key<int>>{1, 2});
    CHECK(keys < std::set<Key<int>>{1, 2, 4});
    CHECK(keys.contains(2));
    std::vector<Field<std::string>> words{"b", "a"};
    std::sort(words.begin(), words.end());
    CHECK(words == std::vector<Field<std::string>>{"a", "b"});
    const std::map<Key<std::string>, Field<int>> ages{{"bob", 5}};
    CHECK(ages.at("bob") == 5);
    const std::optional<Field<int>> maybe = Field<int>{5};
    CHECK(maybe == std::optional<Field<int>>{5});
    const std::pair<Key<int>, Field<int>> pair{1, 2};
    CHECK(pair == std::pair<Key<int>, Field<int>>{1, 2});
}

TEST_CASE("a wrapper is written to a stream as its value is", "[field]") {
    std::ostringstream stream;
    stream << Key<int>{7} << ' ' << Field<std::string>{"Ada"} << ' ' << Json<double>{0.5}
           << std::boolalpha << ' ' << Field<bool>{true};
    CHECK(stream.str() == "7 Ada 0.5 true");
    STATIC_REQUIRE_FALSE(Streams<Field<std::vector<int>>>);
}

TEST_CASE("a field of a JSON document takes and gives documents", "[field][json]") {
    const Field<nlohmann::json> object = nlohmann::json{{"a", 1}};
    CHECK(object->at("a") == 1);
    CHECK(object == nlohmann::json{{"a", 1}});
    Field<nlohmann::json> number = 5;
    CHECK(number == 5);
    number = "text";
    CHECK(number->get<std::string>() == "text");
    const Field<nlohmann::json> nothing;
    CHECK(nothing->is_null());
    const Field<nlohmann::json> null = nullptr;
    CHECK(null->is_null());
}

TEST_CASE("a key knows whether it was set", "[key]") {
    CHECK_FALSE(Key<int>{}.is_set());
    CHECK(Key<int>{0}.is_set());
    CHECK(Key<std::string>{""}.is_set());
    CHECK(Key<std::optional<int>>{std::nullopt}.is_set());
    CHECK(Key<std::vector<int>>{1}.is_set());
    CHECK_FALSE(User{}.id.is_set());
    CHECK(User{.id = 1}.id.is_set());

    Key<int> key;
    key = 5;
    CHECK(key.is_set());
    key = Key<int>{};
    CHECK_FALSE(key.is_set());
    key = 5;
    key = {};
    CHECK_FALSE(key.is_set());

    struct Page {
        Key<int> number = 1;
    };
    CHECK(Page{}.number.is_set());
    CHECK(Page{}.number == 1);
}

TEST_CASE("a key made from another key is set where that one was", "[key]") {
    const Key<int> unset;
    const Key<int> set = 5;
    CHECK_FALSE(Key<int>{unset}.is_set());
    CHECK(Key<int>{set}.is_set());
    CHECK_FALSE(Key<std::int64_t>{unset}.is_set());
    CHECK(Key<std::int64_t>{set}.is_set());
    CHECK(Key<int>{Field<int>{5}}.is_set());
    Key<std::int64_t> assigned = 1;
    assigned = unset;
    CHECK_FALSE(assigned.is_set());
    assigned = set;
    CHECK(assigned == 5);
}

TEST_CASE("a key changes by assignment only", "[key]") {
    STATIC_REQUIRE_FALSE(std::is_assignable_v<decltype(*std::declval<Key<int>&>()), int>);
    STATIC_REQUIRE(std::is_assignable_v<Key<int>&, int>);
    STATIC_REQUIRE_FALSE(std::convertible_to<Key<std::string>&, std::string&>);
    STATIC_REQUIRE(std::convertible_to<Key<std::string>&, const std::string&>);
    Key<std::string> name = "bob";
    name = "eve";
    CHECK(name == "eve");
    CHECK(name->size() == 3);
}

TEST_CASE("a Key takes no integer that its type cannot hold", "[key][bounds]") {
    const Key<std::int8_t> least = -128;
    CHECK(*least == -128);
    CHECK_THROWS_AS(Key<std::int8_t>(128), InvalidKey);
    CHECK_THROWS_AS(Key<unsigned>(-1), InvalidKey);
    CHECK_THROWS_AS(Key<int>(5'000'000'000), InvalidKey);
    CHECK_THROWS_AS(Key<int>(Key<std::int64_t>(5'000'000'000)), InvalidKey);
    CHECK_THROWS_AS(Key<std::int64_t>(std::numeric_limits<std::uint64_t>::max()), InvalidKey);
    Key<int> id = 7;
    CHECK_THROWS_AS(id = 1LL << 40, InvalidKey);
    CHECK(id == 7);
}
