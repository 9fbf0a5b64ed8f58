// `{{name(arguments)}}`, a function in a token of a subject, taken apart. Its spelling is that of
// nats-server (server/subject_transform.go).
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace petiole {

// Has the form of a function.
bool is_call(std::string_view token);

// Name and arguments of `{{ name ( arguments ) }}`; false for what has not this form.
bool take_apart(std::string_view token, std::string_view& name,
                std::vector<std::string_view>& arguments);

// The words of a name may begin in either case: splitFromLeft, SplitFromLeft.
bool is_named(std::string_view name, std::string_view lower, std::initializer_list<std::size_t> at);

std::string_view trimmed(std::string_view text);

// "invalid mapping destination: `what` in `token`".
std::string wrong(std::string_view what, std::string_view token);

}  // namespace petiole
