// cachemodel: names of types and functions that are the same in every build.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <typeinfo>

namespace cachemodel::detail {

/// The name of a class as its source spells it, with its namespaces, the same for every compiler of
/// the Itanium C++ ABI. Empty for closures and for what is inside of one: they have no such name.
std::string name_of_type(const std::type_info& type);

/// The same for messages, where any name is better than none.
std::string shown_name_of_type(const std::type_info& type);

/// The function that `tag`, a `Tag<&f>`, is about, with the types of its parameters:
/// "Home::distance(std::string,Unit)". A function object's come from the function type
/// `parameters`. Empty where it has no such name.
std::string name_of_function(const std::type_info& tag, const std::type_info& parameters);
/// The same for messages.
std::string shown_name_of_function(const std::type_info& tag);

/// Where a type, or something that it is made of, is known in its source file only, an address that
/// is its own: another file may have another one of the same name. Null for all others.
const char* own_address(const std::type_info& type);

/// The data member or member function that `tag` is about: "address", and "Place::address" where it
/// is not a member of `owner` itself.
std::string name_of_member(const std::type_info& tag, const std::type_info& owner);

/// `name@version/`, with what would end the name escaped.
void append_head(std::string& out, std::string_view name, std::uint32_t version);

}  // namespace cachemodel::detail
