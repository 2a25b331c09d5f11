// cachemodel: the names of cached functions, the same for every compiler.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_form_method.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "unit/file_local_names.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::string_literals;
using Catch::Matchers::Contains;

// ---- functions and classes of the golden file

int call_names_global(int n) { return n; }
extern "C" int call_names_of_c(int n) { return n; }

namespace call_names {

enum class Unit : std::uint8_t { m, km };

int plain(int n) { return n; }
int quick(int n) noexcept { return n; }
int nothing() { return 1; }
int overloaded(int n) noexcept { return n; }
int overloaded(long n) { return static_cast<int>(n); }
int overloaded(const std::string& text) noexcept { return static_cast<int>(text.size()); }
int overloaded(std::string_view text) { return static_cast<int>(text.size()); }
int overloaded(Unit, bool) { return 1; }
std::string text_of(std::string text) { return text; }
int count(const std::map<std::string, std::vector<int>>& map) {
    return static_cast<int>(map.size());
}
template <class T>
int of_template(T) {
    return 1;
}
template <class T>
int of_template(std::vector<T>) {
    return 2;
}
template <int number, bool flag, Unit unit>
int of_values() {
    return number;
}
[[gnu::abi_tag("tag")]] int with_abi_tag(int n) { return n; }

namespace deeper {
int plain(int n) { return n; }
}  // namespace deeper
inline namespace v2 {
int in_inline_namespace(int n) { return n; }
}  // namespace v2

/// A function object; its state is part of its name.
struct Adding {
    int addend;
    int operator()(int n) const { return n + addend; }
};
struct Squaring {
    int operator()(int n) const noexcept { return n * n; }
};

struct Place {
    std::string address;
    int zip() const { return 1; }
};

struct Home : Place {
    int floor = 0;
    union {
        int left;
        unsigned right;
    };

    int distance(std::string, Unit) const { return 1; }
    int distance(int) const noexcept { return 1; }
    int distance() const& { return 1; }
    template <class T>
    int distance_to(T) const {
        return 1;
    }
    int operator[](int n) const { return n; }
    int operator()(int n) const { return n; }
    bool operator<(const Place&) const { return true; }
    operator int() const { return floor; }
    operator long() const { return floor; }
    int rooms() const { return floor + 1; }
    static int standard(int n) { return n; }
    static int standard(long n) { return static_cast<int>(n); }

    struct Room {
        int number = 0;
        int area() const { return number; }
    };
};

template <class T, int size = 3>
struct Box {
    T content{};
    int weight(T) const { return size; }
    template <class U>
    int weight_in(U) const {
        return size;
    }
    static int standard(T) { return size; }
    struct Lid {
        int number = 0;
        int area() const { return number; }
    };
};

struct [[gnu::abi_tag("tag")]] Tagged {
    int id = 0;
    int value() const { return id; }
};

struct Shape {
    int radius = 2;
    Shape() = default;
    Shape(const Shape&) = default;
    virtual ~Shape() = default;
    virtual int area() const { return radius; }
};
struct Circle : Shape {
    int area() const override { return 3 * radius; }
};
template <class T>
struct Lined : Shape {};

struct Form {
    struct Cleaned {
        std::string q;
        int page;
    };
    std::string q = "x";
    Cleaned cleaned_data() const { return {q, 1}; }
    int found(int n) const { return n; }
};

inline auto local_object() {
    struct Local {
        int id = 0;
        int value() const { return id; }
    };
    return Local{};
}
inline auto second_local_object() {
    {
        struct Same {
            int id = 0;
            int value() const { return id; }
        };
        (void)Same{}.value();
    }
    {
        struct Same {
            int id = 0;
            int value() const { return id; }
        };
        return Same{};
    }
}
inline auto object_of_a_lambda() {
    return [] {
        struct Local {
            int id = 0;
            int value() const { return id; }
        };
        return Local{};
    }();
}

}  // namespace call_names

namespace {

using namespace call_names;

int hidden(int n) { return n; }

struct Hidden {
    int id = 0;
    int value() const { return id; }
};

using Lines = std::vector<std::pair<std::string, std::string>>;

template <auto function, class... Arguments>
std::string function_key(const Arguments&... arguments) {
    return CachedFunction<function>{}.key_for(arguments...);
}
template <auto method, auto... members>
struct OfMethod {
    template <class Object, class... Arguments>
    std::string operator()(const Object& object, const Arguments&... arguments) const {
        return CachedMethod<method, members...>{}.key_for(object, arguments...);
    }
};
template <auto method, auto... members>
constexpr OfMethod<method, members...> method_key;

template <class T>
using IntFunction = int (*)(T);

template <class Local>
std::string local_key(const Local& object) {
    return method_key<&Local::value, &Local::id>(object);
}

Lines golden_functions() {
    return {
        {"function", function_key<&plain>(1)},
        {"function without a namespace", function_key<&call_names_global>(1)},
        {"function of C", function_key<&call_names_of_c>(1)},
        {"noexcept", function_key<&quick>(1)},
        {"no arguments", function_key<&nothing>()},
        {"deeper namespace", function_key<&deeper::plain>(1)},
        {"inline namespace", function_key<&in_inline_namespace>(1)},
        {"overload of int, cast from noexcept",
         function_key<static_cast<IntFunction<int>>(&overloaded)>(1)},
        {"overload of long", function_key<static_cast<IntFunction<long>>(&overloaded)>(1L)},
        {"overload of text, cast from noexcept",
         function_key<static_cast<IntFunction<const std::string&>>(&overloaded)>("a b"s)},
        {"overload of a view",
         function_key<static_cast<IntFunction<std::string_view>>(&overloaded)>("a b")},
        {"overload of two",
         function_key<static_cast<int (*)(Unit, bool)>(&overloaded)>(Unit::km, true)},
        {"text to text", function_key<&text_of>("x"s)},
        {"map", function_key<&count>(std::map<std::string, std::vector<int>>{{"a", {1, 2}}})},
        {"template of int", function_key<static_cast<IntFunction<int>>(&of_template<int>)>(1)},
        {"template of text",
         function_key<static_cast<IntFunction<std::string>>(&of_template<std::string>)>("x"s)},
        {"overloaded template",
         function_key<static_cast<IntFunction<std::vector<int>>>(&of_template<int>)>(
             std::vector{1})},
        {"template of values", function_key<&of_values<-3, true, Unit::km>>()},
        {"ABI tag", function_key<&with_abi_tag>(1)},
        {"function object 5", function_key<Adding{5}>(1)},
        {"function object 6", function_key<Adding{6}>(1)},
        {"function object without state", function_key<Squaring{}>(1)},
        {"static member function", function_key<static_cast<IntFunction<int>>(&Home::standard)>(1)},
        {"static member function of long",
         function_key<static_cast<IntFunction<long>>(&Home::standard)>(1L)},
        {"static member function of a template", function_key<&Box<int>::standard>(1)},
    };
}

Lines golden_methods() {
    Home home;
    home.address = "Via Roma";
    home.floor = 3;
    home.left = 7;
    const Circle circle;
    const Lined<std::string> lined;
    constexpr auto distance_to_name =
        static_cast<int (Home::*)(std::string, Unit) const>(&Home::distance);
    constexpr auto distance_to_number = static_cast<int (Home::*)(int) const>(&Home::distance);
    constexpr auto distance_to_nothing = static_cast<int (Home::*)() const&>(&Home::distance);
    return {
        {"method", method_key<distance_to_name, &Home::floor>(home, "Rome"s, Unit::km)},
        {"overload cast from noexcept", method_key<distance_to_number, &Home::floor>(home, 1)},
        {"overload with &", method_key<distance_to_nothing, &Home::floor>(home)},
        {"without members", method_key<&Home::rooms>(home)},
        {"member of a base", method_key<&Home::rooms, &Home::address>(home)},
        {"members and method of a base",
         method_key<&Home::zip, &Place::address>(static_cast<const Place&>(home))},
        {"const method as member", method_key<&Home::rooms, &Home::floor, &Home::zip>(home)},
        {"member of an anonymous union", method_key<&Home::rooms, &Home::left>(home)},
        {"method template of int", method_key<&Home::distance_to<int>>(home, 1)},
        {"method template of text", method_key<&Home::distance_to<std::string>>(home, "x"s)},
        {"operator []", method_key < &Home::operator[]>(home, 1)},
        {"operator ()", method_key<&Home::operator()>(home, 1)},
        {"nested class", method_key<&Home::Room::area, &Home::Room::number>(Home::Room{4})},
        {"class template of int", method_key<&Box<int>::weight, &Box<int>::content>(Box<int>{}, 1)},
        {"class template of text",
         method_key<&Box<std::string, 4>::weight, &Box<std::string, 4>::content>(
             Box<std::string, 4>{"a"}, "x"s)},
        {"class nested in a class template",
         method_key<&Box<int>::Lid::area, &Box<int>::Lid::number>(Box<int>::Lid{2})},
        {"method template of a class template",
         method_key<&Box<int>::weight_in<std::string>>(Box<int>{}, "x"s)},
        {"ABI tag on a class", method_key<&Tagged::value, &Tagged::id>(Tagged{5})},
        {"local class", local_key(local_object())},
        {"unnamed namespace", method_key<&Hidden::value, &Hidden::id>(Hidden{6})},
        {"function in an unnamed namespace", function_key<&hidden>(1)},
        {"object of a derived class", method_key<&Shape::area, &Shape::radius>(circle)},
        {"object of a class template", method_key<&Shape::area, &Shape::radius>(lined)},
        {"object of the class itself", method_key<&Shape::area, &Shape::radius>(Shape{})},
        {"conversion function as member", method_key < &Home::rooms, &Home::operator int>(home)},
        {"form", CachedFormMethod<&Form::found>{}.key_for(Form{"a b"}, 3)},
    };
}

Lines golden_options() {
    const CachedFunction<[](int n) { return n; }> of_lambda{{.name = "square"}};
    const CachedFunction<&plain> versioned{{.version = 4294967295}};
    const CachedFunction<&plain> named{{.name = "a name/with@all \"kinds\" of % ~ caf\xc3\xa9"}};
    const CachedFunction<&text_of> secret{{.name = "session", .secret_keys = true}};
    const CachedFunction<&text_of> shortly{{.name = "n"}};
    return {
        {"lambda with a name", of_lambda.key_for(1)},
        {"version", versioned.key_for(1)},
        {"name", named.key_for(1)},
        {"secret", secret.key_for("t0k3n")},
        {"180 bytes", shortly.key_for(std::string(172, 'x'))},
        {"181 bytes", shortly.key_for(std::string(173, 'x'))},
        {"300 bytes", shortly.key_for(std::string(300, 'x'))},
    };
}

template <class Call, class... Arguments>
void check_has_no_name(const Call& call, const Arguments&... arguments) {
    CHECK_THROWS_AS(call.key_for(arguments...), ConfigError);
    CHECK_THROWS_WITH(call(arguments...), Contains(".name"));
}

}  // namespace

TEST_CASE("keys of calls are the same for every compiler and every release",
          "[type_names][golden]") {
    std::vector<std::string> lines;
    std::set<std::string> keys;
    for (const Lines& part : {golden_functions(), golden_methods(), golden_options()}) {
        for (const auto& [label, key] : part) {
            lines.push_back(label + ": " + key);
            CHECK(keys.insert(key).second);
        }
    }
    std::vector<std::string> expected;
    std::istringstream file{tests::golden("call_keys.txt")};
    for (std::string line; std::getline(file, line);) expected.push_back(line);
    for (std::size_t i = 0; i < std::min(lines.size(), expected.size()); ++i) {
        CHECK(lines[i] == expected[i]);
    }
    CHECK(lines.size() == expected.size());
    for (const auto& key : keys) {
        CHECK(key.size() <= 180);
        CHECK(std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; }));
    }
}

TEST_CASE("a function keeps its name however its pointer is spelled", "[type_names]") {
    CHECK(CachedFunction<plain>{}.key_for(1) == CachedFunction<&plain>{}.key_for(1));
    constexpr auto pointer = &plain;
    CHECK(CachedFunction<pointer>{}.key_for(1) == "call_names::plain(int)@1/(1)");
    CHECK(CachedFunction<static_cast<int (*)(int)>(&plain)>{}.key_for(1) ==
          "call_names::plain(int)@1/(1)");
    constexpr auto method = &Home::rooms;
    CHECK(CachedMethod<method, &Home::floor>{}.key_for({}) ==
          CachedMethod<&Home::rooms, &Home::floor>{}.key_for({}));
}

TEST_CASE("what has no name that is the same in every build needs one", "[type_names][failure]") {
    const Cache cache{std::make_shared<testing::ScriptedBackend>()};
    SECTION("a lambda") {
        constexpr auto square = [](int n) { return n * n; };
        check_has_no_name(CachedFunction<square>{cache}, 3);
        const CachedFunction<square> named{cache, {.name = "square"}};
        CHECK(named.key_for(3) == "square@1/(3)");
        CHECK(named(3) == 9);
    }
    SECTION("a class inside of a lambda") {
        using Local = decltype(object_of_a_lambda());
        check_has_no_name(CachedMethod<&Local::value, &Local::id>{cache}, Local{4});
        const CachedMethod<&Local::value, &Local::id> named{cache, {.name = "value"}};
        CHECK(named.key_for(Local{4}) == "value@1/id=4()");
        CHECK(named(Local{4}) == 4);
    }
    SECTION("the second local class of one name in a function") {
        using Local = decltype(second_local_object());
        check_has_no_name(CachedMethod<&Local::value, &Local::id>{cache}, Local{4});
        const CachedMethod<&Local::value, &Local::id> named{cache, {.name = "second value"}};
        CHECK(named.key_for(Local{4}) == "second%20value@1/id=4()");
    }
    SECTION("a conversion function") {
        check_has_no_name(CachedMethod<&Home::operator int, &Home::floor>{cache}, Home{});
        const CachedMethod<&Home::operator int, &Home::floor> named{cache, {.name = "number"}};
        CHECK(named.key_for(Home{}) == "number@1/floor=0()");
    }
    SECTION("an object of a class inside of a lambda") {
        const auto make = [] {
            struct Square : Shape {
                int area() const override { return 4; }
            };
            return std::unique_ptr<Shape>{std::make_unique<Square>()};
        };
        const auto square = make();
        const CachedMethod<&Shape::area, &Shape::radius> area{cache, {.name = "area"}};
        CHECK_THROWS_WITH(area(*square),
                          Contains("area") && Contains("outside of functions and lambdas"));
        CHECK(area(Circle{}) == 6);
    }
}

TEST_CASE("conversion functions that are chosen as members are told apart", "[type_names]") {
    const Home home{};
    CHECK(CachedMethod < &Home::rooms,
          &Home::operator int>{}.key_for(home) != CachedMethod < &Home::rooms,
          &Home::operator long>{}.key_for(home));
}

TEST_CASE("functions and classes of one name, each known in its file only, share nothing",
          "[type_names][failure]") {
    using namespace file_local_names;
    const Cache cache = Cache::open("memory://");
    const Cache other = Cache::open("memory://");
    CHECK(answer_1(cache) == 11);
    CHECK_THROWS_AS(answer_2(cache), ConfigError);
    CHECK(answer_2(other) == 12);
    CHECK(answer_1(cache) == 11);
    CHECK(static_answer_2(cache) == 12);
    CHECK_THROWS_AS(static_answer_1(cache), ConfigError);
    CHECK(answer_of_template_1(cache) == 11);
    CHECK_THROWS_AS(answer_of_template_2(cache), ConfigError);
    CHECK(number_1(cache) == 1);
    CHECK_THROWS_AS(number_2(cache), ConfigError);
    CHECK(answer_2(cache.with_prefix("other")) == 12);
    CHECK(named_answer_1(cache) == 11);
    CHECK(named_answer_2(cache) == 12);
    CHECK(area_1(cache) == 1);
    CHECK_THROWS_AS(area_2(cache), ConfigError);
    CHECK(area_2(other) == 2);
}
